package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/emostream/emostream/internal/controls"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/wire"
)

// maxChannelsTold is how many channels are named for which something is set.
const maxChannelsTold = 10

// InForce tells what managers have set: who wonders why reactions are refused learns it
// here. all is in the order of kinds and names.
func InForce(all []controls.Control) []Finding {
	l := findings{area: areaControls}
	var channels, users, emojis int
	for _, c := range all {
		switch c.Kind {
		case controls.Channel:
			if channels++; channels <= maxChannelsTold {
				l.channel(c)
			}
		case controls.User:
			users++
		case controls.Emoji:
			emojis++
		}
	}
	const list = "emostream control list tells all of them"
	if more := channels - maxChannelsTold; more > 0 {
		l.note("other channels", fmt.Sprintf("%d more are paused, closed or slowed", more), "fewer reactions are taken there", list)
	}
	if users > 0 {
		l.note("users", "banned: "+text.Thousands(int64(users)), "nothing is taken from who is banned", list)
	}
	if emojis > 0 {
		l.note("emojis", "hidden: "+text.Thousands(int64(emojis)), "what is hidden is not taken, and shown on no screen", list)
	}
	if len(all) == 0 {
		l.ok("controls", "nothing is set")
	}
	return l.all
}

// channel tells what is set for a channel.
func (l *findings) channel(c controls.Control) {
	is, why := "it is "+string(c.State), "no reactions are taken there"
	if c.State == controls.Slowed {
		is, why = is+" to "+c.PerUser.Text()+" for each user", "more are refused"
	}
	if !c.Until.IsZero() {
		is += " until " + wire.ControlTime(c.Until)
	}
	if c.SetBy != "" {
		is += ", set by " + c.SetBy
	}
	if c.Reason != "" {
		is += ": " + c.Reason
	}
	l.note("channel "+c.Name, is, why, "if that is not meant, emostream control resume "+c.Name)
}

// controls reads what is in force. Without the topic there is nothing to tell: that it is not
// there is told of the topics.
func (s *session) controls(ctx context.Context) []Finding {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	topic := s.Names.Controls()
	if !s.usable(topic) {
		return nil
	}
	var table controls.Table
	start, end, err := s.client.Offsets(ctx, topic, 0)
	if err == nil {
		err = s.read(ctx, topic, 0, start, end, func(r stream.Record) { _ = table.Apply(r, time.Now()) }) // what is no control is told of the topics
	}
	if err != nil {
		return skipped(areaControls, areaControls, fmt.Sprintf("%s cannot be read: %v", topic, err))
	}
	return InForce(table.All(s.now()))
}
