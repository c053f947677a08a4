package loadgen

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/emostream/emostream/internal/errno"
	"github.com/emostream/emostream/internal/wire"
)

// target is what a run is against: what is sent, and what listeners read.
type target struct {
	to      *place
	calls   calls
	channel string
	emojis  []string
	streams *streams // nil: nobody can listen
	frames  *frames
	reading reading
	swarms  *swarms  // nil: no books
	markers *markers // of another service with a stream
	notes   []string
}

// find looks at what is there, and makes of the configuration what can be done
// with it.
func find(ctx context.Context, c Config, l *ledger) (*target, error) {
	if c.Publish != nil {
		return findService(ctx, c)
	}
	to, err := locate(ctx, c.Server, c.AllowRemote)
	if err != nil {
		return nil, err
	}
	m := newMix(c.Seed, c.Users, c.Kinds)
	t := &target{to: to, channel: newChannel(), emojis: m.emojis}
	t.calls = newTaps(to, m, c.Batch, t.channel)
	t.streams = &streams{main: to, channel: t.channel, remote: c.AllowRemote, timeout: c.Timeout, places: &places{by: map[string]*place{}}}
	as, err := t.ask(ctx, c.Timeout)
	if err != nil {
		return nil, err
	}
	if as.StreamURL == "" {
		t.notes = append(t.notes, "the target is a Python system: it does not tell when it accepted a reaction and streams no swarms, so that there are no books and no latencies behind the answer")
		t.frames, t.reading = newFrames(func(*frame, string, []byte) {}), deaf{}
		return t, nil
	}
	t.swarms = newSwarms(t.channel, t.emojis, l.learn)
	t.frames, t.reading = newFrames(t.swarms.decode), t.swarms
	return t, nil
}

// ask registers once, to see who is there.
func (t *target) ask(ctx context.Context, timeout time.Duration) (wire.Assignment, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	s := t.streams.session()
	defer s.close()
	as, err := s.register(ctx, "")
	if err == nil {
		s.leave(ctx, &stream{server: as.ServerName})
		return as, nil
	}
	if errors.Is(err, errno.Refused) {
		err = fmt.Errorf("reach %s: %w (is it running? try emostream up)", t.to.url, err)
	} else {
		err = fmt.Errorf("register at %s: %w", t.to.url, err)
	}
	return as, err
}

// deaf takes no notice of what listeners are shown.
type deaf struct{}

func (deaf) seen(*view, *frame, time.Time) {}
