// Package controls is what people who run an event have set while it runs: channels that
// are paused, closed or slowed, users who are banned, and emojis that are hidden. It is
// kept in the compacted topic emostream-controls, one record for each kind and name.
//
// A Table follows the topic (follow.go), and an Editor changes it (editor.go).
package controls

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/emostream/emostream/internal/emoji"
	"github.com/emostream/emostream/internal/quota"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/text/quote"
	"github.com/emostream/emostream/internal/wire"
)

// Kind is what a control is about.
type Kind string

// The kinds.
const (
	Channel Kind = "channel"
	User    Kind = "user"
	Emoji   Kind = "emoji"
)

// kinds returns all of them, in the order of lists.
func kinds() []Kind { return []Kind{Channel, User, Emoji} }

// ParseKind returns the kind that s names.
func ParseKind(s string) (Kind, error) {
	if slices.Contains(kinds(), Kind(s)) {
		return Kind(s), nil
	}
	return "", fmt.Errorf("%s is not a kind of control: use channel, user or emoji", quote.Text(s, 40))
}

// State is what a control says of its channel, user or emoji.
type State string

// The states: of a channel the first three, of a user and of an emoji one each.
const (
	Paused State = "paused" // no reactions are taken; it goes on later
	Closed State = "closed" // no reactions are taken any more
	Slowed State = "slowed" // each user may send PerUser
	Banned State = "banned"
	Hidden State = "hidden"
)

// states returns the states that a control of a kind can have.
func (k Kind) states() []State {
	switch k {
	case Channel:
		return []State{Paused, Closed, Slowed}
	case User:
		return []State{Banned}
	case Emoji:
		return []State{Hidden}
	}
	return nil
}

// Control is one thing that is in force.
type Control struct {
	Kind    Kind
	Name    string
	State   State
	PerUser quota.Rate // of Slowed
	Until   time.Time  // when it ends by itself; zero: it does not
	Reason  string     // what people are told; may be empty

	SetBy string    // who set it: the subject of a token, or a program's name; may be empty
	SetAt time.Time // by the clock of whoever set it; zero: not known
}

// Clean returns a control as it is kept, or why there can be none like it: its name in
// the one spelling that it has here, and its times in milliseconds. A user and an emoji
// need no State. It does not look at the clock.
func Clean(c Control) (Control, error) {
	name, err := CleanName(c.Kind, c.Name)
	if err != nil {
		return Control{}, err
	}
	c.Name = name
	possible := c.Kind.states()
	if len(possible) == 1 {
		c.State = cmp.Or(c.State, possible[0])
	}
	switch {
	case !slices.Contains(possible, c.State):
		return Control{}, fmt.Errorf("%s is not a state of a %s: use %s", quote.Text(string(c.State), 20), c.Kind, list(possible))
	case c.State == Slowed && c.PerUser == quota.Rate{}:
		return Control{}, errors.New("slowed needs per_user, as in 1/s: how often each user may send")
	case c.State != Slowed && c.PerUser != quota.Rate{}:
		return Control{}, fmt.Errorf("per_user goes with slowed, and this is %s: leave it out", c.State)
	case !c.Until.IsZero() && (c.Until.UTC().Year() < 1970 || c.Until.UTC().Year() > 9999):
		return Control{}, errors.New("until is not in the years 1970 to 9999")
	case len(c.SetBy) > wire.MaxUserID:
		return Control{}, fmt.Errorf("the name of who sets it has %d bytes: up to %d are allowed", len(c.SetBy), wire.MaxUserID)
	}
	if err := wire.CheckControlReason(c.Reason); err != nil {
		return Control{}, err
	}
	c.Until, c.SetAt = inMilliseconds(c.Until), inMilliseconds(c.SetAt)
	return c, nil
}

// CleanName returns the name of a channel, user or emoji in the one spelling that it has
// here, or why it is none. An emoji may be a shortcode or have another spelling.
func CleanName(kind Kind, name string) (string, error) {
	switch kind {
	case Channel:
		if !wire.ValidChannel(name) {
			return "", fmt.Errorf("channel %s: 1 to %d of A-Z a-z 0-9 . _ - are possible", quote.Text(name, 32), wire.MaxChannel)
		}
	case User:
		if len(name) == 0 || len(name) > wire.MaxUserID || !utf8.ValidString(name) {
			return "", fmt.Errorf("user %s: 1 to %d bytes of UTF-8 are possible", quote.Text(name, 32), wire.MaxUserID)
		}
	case Emoji:
		e, err := emoji.Parse(name)
		return string(e), err
	default:
		_, err := ParseKind(string(kind))
		return "", err
	}
	return name, nil
}

func inMilliseconds(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMilli(t.UnixMilli()).UTC()
}

// list returns states for people: "paused, closed or slowed".
func list(states []State) string {
	var words []string
	for _, s := range states {
		words = append(words, string(s))
	}
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// Over says whether the control's time is over at now.
func (c Control) Over(now time.Time) bool { return !c.Until.IsZero() && !now.Before(c.Until) }

// Wire returns the control as it travels, and as people see it.
func (c Control) Wire() wire.Control {
	perUser := ""
	if c.State == Slowed {
		perUser = c.PerUser.Text()
	}
	return wire.Control{
		Kind: string(c.Kind), Name: c.Name, State: string(c.State), PerUser: perUser, Until: wire.ControlTime(c.Until), Reason: c.Reason,
		SetBy: c.SetBy, SetAt: wire.ControlTime(c.SetAt),
	}
}

// Change returns what has changed as it travels. A control without a kind is none.
func Change(now, before Control) wire.ControlChange {
	orNil := func(c Control) *wire.Control {
		if c.Kind == "" {
			return nil
		}
		w := c.Wire()
		return &w
	}
	return wire.ControlChange{Control: orNil(now), Before: orNil(before)}
}

// decode returns the control of a record. If the record ends it, that has no more than a
// kind and a name.
func decode(rec stream.Record) (Control, error) {
	if len(rec.Value) == 0 {
		kind, name, err := wire.ControlOfKey(rec.Key)
		if err == nil {
			_, err = ParseKind(kind)
		}
		return Control{Kind: Kind(kind), Name: name}, err
	}
	w, err := wire.DecodeControl(rec.Key, rec.Value)
	if err != nil {
		return Control{}, err
	}
	c := Control{Kind: Kind(w.Kind), Name: w.Name, State: State(w.State), Reason: w.Reason, SetBy: w.SetBy, Until: parseTime(w.Until), SetAt: parseTime(w.SetAt)}
	if w.PerUser != "" {
		if c.PerUser, err = quota.ParseRate(w.PerUser); err != nil {
			return Control{}, fmt.Errorf("control: per_user: %w", err)
		}
	}
	clean, err := Clean(c)
	switch {
	case err != nil:
		return Control{}, fmt.Errorf("control: %w", err)
	case clean.Name != c.Name:
		return Control{}, fmt.Errorf("control: %s is another spelling of %s", quote.Text(c.Name, 40), clean.Name)
	}
	return clean, nil
}

// parseTime returns a time of a record, which DecodeControl has checked.
func parseTime(s string) time.Time {
	t, err := time.Parse(wire.TimeFormat, s)
	if err != nil {
		return time.Time{}
	}
	return t
}

// Describe adds to what is said of a control until when it holds, and why.
func (c Control) Describe(what string) string {
	if !c.Until.IsZero() {
		what += " until " + wire.ControlTime(c.Until)
	}
	if c.Reason != "" {
		what += " (" + c.Reason + ")"
	}
	return what
}
