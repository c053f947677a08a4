package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/emostream/emostream/internal/text/quote"
)

// Control is what people who run an event have set for one channel, user or emoji while
// it runs: a record of emostream-controls, whose key is Key. A record without a value
// ends it. Package controls says which kinds and states there are.
type Control struct {
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	State   string `json:"state"`
	PerUser string `json:"per_user,omitempty"` // how much each user may send, such as 1/s
	Until   string `json:"until,omitempty"`    // when it ends by itself; empty: it does not
	Reason  string `json:"reason,omitempty"`   // what people are told
	SetBy   string `json:"set_by,omitempty"`   // the subject of the token of whoever set it, or the name of the program
	SetAt   string `json:"set_at,omitempty"`   // by that program's clock
}

// ControlChange is what is in force now for a channel, user or emoji, and what was before;
// nil: nothing. It is the answer to a change.
type ControlChange struct {
	Control *Control `json:"control"`
	Before  *Control `json:"before"`
	Note    string   `json:"note,omitempty"` // what the manager may not have meant
}

// Bounds of a control, in bytes.
const (
	MaxControlReason = 200
	maxControl       = 4 << 10 // the record
	maxControlWord   = 40      // kind, state, per_user
	maxControlName   = MaxUserID
)

// HeaderEnded is the header of a record that ends a control because its time is over. Its
// value is the offset of the record that is ended, in decimals: readers pass the end over
// if the control has been set anew meanwhile.
const HeaderEnded = "emostream-ended"

// Key returns the key of the record.
func (c Control) Key() []byte { return []byte(c.Kind + "/" + c.Name) }

// ControlOfKey returns the kind and the name that a record's key names.
func ControlOfKey(key []byte) (kind, name string, err error) {
	kind, name, ok := strings.Cut(string(key), "/")
	if !ok || len(kind) > maxControlWord || name == "" || len(name) > maxControlName || !utf8.ValidString(name) {
		return "", "", fmt.Errorf("control: the key %s is not a kind, / and a name of 1 to %d bytes", quote.Text(string(key), 40), maxControlName)
	}
	return kind, name, nil
}

// Encode returns the record value.
func (c Control) Encode() []byte {
	b, err := json.Marshal(c)
	if err != nil {
		panic(err) // strings always marshal
	}
	return b
}

// DecodeControl decodes the record of a control. Whoever may write to emostream-controls
// can write anything into it, so every field is bounded, and the key must be the control's.
func DecodeControl(key, value []byte) (Control, error) {
	kind, name, err := ControlOfKey(key)
	if err != nil {
		return Control{}, err
	}
	if len(value) > maxControl {
		return Control{}, fmt.Errorf("control: %d bytes, and at most %d are taken", len(value), maxControl)
	}
	var c Control
	if err := json.Unmarshal(value, &c); err != nil {
		return Control{}, fmt.Errorf("control: it is not a JSON object of strings: %w", err)
	}
	if c.Kind != kind || c.Name != name {
		return Control{}, fmt.Errorf("control: it is of %s %s, and its key is %s", quote.Text(c.Kind, 20), quote.Text(c.Name, 40), quote.Text(string(key), 40))
	}
	if err := c.check(); err != nil {
		return Control{}, fmt.Errorf("control: %w", err)
	}
	return c, nil
}

func (c Control) check() error {
	switch {
	case len(c.State) == 0 || len(c.State) > maxControlWord:
		return fmt.Errorf("state has %d bytes: 1 to %d are possible", len(c.State), maxControlWord)
	case len(c.PerUser) > maxControlWord:
		return fmt.Errorf("per_user has %d bytes: up to %d are possible", len(c.PerUser), maxControlWord)
	case len(c.SetBy) > MaxUserID:
		return fmt.Errorf("set_by has %d bytes: up to %d are possible", len(c.SetBy), MaxUserID)
	case !isTime(c.Until) || !isTime(c.SetAt):
		return fmt.Errorf("until and set_at are not both like %s", TimeFormat)
	}
	return CheckControlReason(c.Reason)
}

// CheckControlReason returns an error if s may not be the reason of a control: it is
// shown to people on one line.
func CheckControlReason(s string) error {
	if len(s) > MaxControlReason {
		return fmt.Errorf("the reason has %d bytes: up to %d are allowed", len(s), MaxControlReason)
	}
	if !printable([]byte(s)) {
		return errors.New("the reason is not one line of text")
	}
	return nil
}

// ControlTime returns a time as Until and SetAt have it; empty for the zero time.
func ControlTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(TimeFormat)
}
