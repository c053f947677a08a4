package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// MainChannel is the channel of a reaction that does not name one.
const MainChannel = "main"

// The greatest lengths of a reaction's fields, in bytes.
const (
	MaxUserID    = 128
	MaxTimestamp = 64
	MaxChannel   = 64
	MaxEmoji     = 64 // the longest RGI sequence has 35
)

// Reaction is one emoji of one person: a record of emoji-topic. The record's own time
// decides its window. Timestamp is kept as the client sent it.
type Reaction struct {
	UserID    string `json:"user_id"`
	Emoji     string `json:"emoji_type"`
	Timestamp string `json:"timestamp"`
	Channel   string `json:"channel,omitempty"` // left out for the main channel
}

// AppendReaction appends the record value of r to dst.
func AppendReaction(dst []byte, r Reaction) []byte {
	dst = append(dst, `{"user_id":`...)
	dst = appendString(dst, r.UserID)
	dst = append(dst, `,"emoji_type":`...)
	dst = appendString(dst, r.Emoji)
	dst = append(dst, `,"timestamp":`...)
	dst = appendString(dst, r.Timestamp)
	if r.Channel != "" && r.Channel != MainChannel {
		dst = append(dst, `,"channel":`...)
		dst = appendString(dst, r.Channel)
	}
	return append(dst, '}')
}

// CountedFields are the fields of a reaction that decide where it is counted. Its
// slices may point into the record's value. An empty Channel is the main channel.
type CountedFields struct {
	Emoji   []byte
	Channel []byte
}

// ErrNotReaction says that a record cannot be counted.
var ErrNotReaction = errors.New("not a reaction")

// DecodeCountedFields decodes the counted fields of a record value of emoji-topic.
// For the form that AppendReaction writes it allocates nothing. It also accepts any
// other JSON with the same meaning (other order or spacing, escapes, more fields), but no
// byte order mark before it: such records were never counted.
//
// It does not check whether the emoji is known, since the writer of the record has
// already acknowledged it. It only checks that it has 1 to 64 bytes of UTF-8 without
// control characters. Errors wrap ErrNotReaction.
func DecodeCountedFields(value []byte) (f CountedFields, err error) {
	if r, ok := ScanFlatReaction(value); ok {
		f.Emoji, f.Channel = r.Emoji.In(value), r.Channel.In(value)
	} else {
		// Only the counted fields must be right. Another program may write a user id as
		// a number; that is no reason to lose a reaction.
		var r struct {
			Emoji   string `json:"emoji_type"`
			Channel string `json:"channel"`
		}
		if err := json.Unmarshal(value, &r); err != nil {
			return CountedFields{}, fmt.Errorf("%w: %w", ErrNotReaction, err)
		}
		f = CountedFields{Emoji: []byte(r.Emoji), Channel: []byte(r.Channel)}
	}
	if err := f.normalize(); err != nil {
		return CountedFields{}, err
	}
	return f, nil
}

// normalize empties Channel if it is the main channel. It fails if the reaction cannot
// be counted.
func (t *CountedFields) normalize() error {
	if string(t.Channel) == MainChannel {
		t.Channel = nil
	}
	if len(t.Emoji) == 0 || len(t.Emoji) > MaxEmoji || !printable(t.Emoji) {
		return fmt.Errorf("%w: emoji_type must be 1 to %d bytes of printable UTF-8", ErrNotReaction, MaxEmoji)
	}
	if len(t.Channel) > 0 && !ValidChannel(t.Channel) {
		return fmt.Errorf("%w: channel must be 1 to %d of A-Z a-z 0-9 . _ -", ErrNotReaction, MaxChannel)
	}
	return nil
}

// ReactionFields are all fields of a reaction. Its slices may point into the record's
// value.
type ReactionFields struct {
	CountedFields
	UserID    []byte
	Timestamp []byte
}

// DecodeReactionFields decodes all fields of a record value. It fails where
// DecodeCountedFields does. A user id or timestamp that is not a string is returned as
// its JSON text: another program may write numbers.
func DecodeReactionFields(value []byte) (t ReactionFields, err error) {
	if r, ok := ScanFlatReaction(value); ok {
		t = ReactionFields{CountedFields{r.Emoji.In(value), r.Channel.In(value)}, r.UserID.In(value), r.Timestamp.In(value)}
	} else {
		var r struct {
			Emoji     string          `json:"emoji_type"`
			Channel   string          `json:"channel"`
			UserID    json.RawMessage `json:"user_id"`
			Timestamp json.RawMessage `json:"timestamp"`
		}
		if err := json.Unmarshal(value, &r); err != nil {
			return ReactionFields{}, fmt.Errorf("%w: %w", ErrNotReaction, err)
		}
		t = ReactionFields{CountedFields{[]byte(r.Emoji), []byte(r.Channel)}, unquoted(r.UserID), unquoted(r.Timestamp)}
	}
	if err := t.normalize(); err != nil {
		return ReactionFields{}, err
	}
	return t, nil
}

// unquoted returns the content of a JSON string, nil for null, and any other JSON as it
// is.
func unquoted(raw json.RawMessage) []byte {
	var s *string
	if err := json.Unmarshal(raw, &s); err != nil {
		return raw
	}
	if s == nil {
		return nil
	}
	return []byte(*s)
}

func printable(b []byte) bool {
	if !utf8.Valid(b) {
		return false
	}
	for _, c := range b {
		if c < ' ' || c == 0x7f {
			return false
		}
	}
	return true
}

// ValidChannel says whether s may name a channel: 1 to 64 of A-Za-z0-9._-.
func ValidChannel[T string | []byte](s T) bool {
	if len(s) == 0 || len(s) > MaxChannel {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

// appendString appends s as a JSON string. Bytes that are not UTF-8 become U+FFFD.
func appendString(dst []byte, s string) []byte {
	plain := utf8.ValidString(s)
	for i := 0; plain && i < len(s); i++ {
		plain = s[i] >= ' ' && s[i] != '"' && s[i] != '\\'
	}
	if plain {
		dst = append(dst, '"')
		dst = append(dst, s...)
		return append(dst, '"')
	}
	q, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always marshals
	}
	return append(dst, q...)
}
