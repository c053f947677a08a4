package wire

import "bytes"

// FlatReaction says where the fields of a reaction are in its JSON text.
type FlatReaction struct {
	UserID, Emoji, Timestamp, Channel Piece
	Count                             int // 1 if the text has none
}

// Piece is a part of a text: the bytes from one index to before another. The zero
// Piece is a field that the text does not have.
type Piece struct{ from, to int }

// Exists says whether the text has the field, be it empty.
func (p Piece) Exists() bool { return p.to > 0 }

// In returns the piece, which shares the memory of its text; nil if it does not
// exist.
func (p Piece) In(text []byte) []byte {
	if !p.Exists() {
		return nil
	}
	return text[p.from:p.to]
}

// InString returns the piece of its text, given as a string.
func (p Piece) InString(text string) string { return text[p.from:p.to] }

// ScanFlatReaction is the fast reader of reactions. It reads the form in which
// almost every one is written: a JSON object of strings without escapes, and
// perhaps a count of one to four digits. Strings under other names are skipped. It
// allocates nothing.
//
// It returns false for any other text, whether that is JSON or not: encoding/json
// must decide there. Where it returns true and the text is UTF-8, encoding/json
// reads the same.
func ScanFlatReaction(text []byte) (r FlatReaction, ok bool) {
	r.Count = 1
	i := scanByte(text, 0, '{')
	for i > 0 {
		var key, value Piece
		if key, i = scanString(text, i); i < 0 {
			return r, false
		}
		if i = scanByte(text, i, ':'); i < 0 {
			return r, false
		}
		name := key.In(text)
		if string(name) == "count" {
			r.Count, i = scanCount(text, i)
		} else {
			value, i = scanString(text, i)
		}
		if i < 0 {
			return r, false
		}
		switch string(name) {
		case "user_id":
			r.UserID = value
		case "emoji_type":
			r.Emoji = value
		case "timestamp":
			r.Timestamp = value
		case "channel":
			r.Channel = value
		case "count":
		default:
			if isFieldInAnotherCase(name) {
				return r, false // encoding/json takes Count for count
			}
		}
		if end := scanByte(text, i, '}'); end > 0 {
			return r, skipSpace(text, end) == len(text)
		}
		i = scanByte(text, i, ',')
	}
	return r, false
}

func isFieldInAnotherCase(name []byte) bool {
	for _, field := range [...]string{"user_id", "emoji_type", "timestamp", "channel", "count"} {
		if bytes.EqualFold(name, []byte(field)) {
			return true
		}
	}
	return false
}

// The functions below read from index i of b on, after white space, and return the
// index after what they read; -1 if something else is there.

func scanByte(b []byte, i int, c byte) (after int) {
	if i < len(b) && b[i] == c {
		return i + 1 // as it mostly is
	}
	if i = skipSpace(b, i); i < len(b) && b[i] == c {
		return i + 1
	}
	return -1
}

// scanString reads a string without escapes. A look-up for each byte is faster
// here than three comparisons.
func scanString(b []byte, i int) (value Piece, after int) {
	if i = scanByte(b, i, '"'); i < 0 {
		return Piece{}, -1
	}
	to := i
	for to < len(b) && !endsString[b[to]] {
		to++
	}
	if to == len(b) || b[to] != '"' {
		return Piece{}, -1
	}
	return Piece{i, to}, to + 1
}

// endsString are the bytes that end a string without escapes: a quotation mark,
// and those that must not stand in one.
//
//nolint:gochecknoglobals // never changes: it is a function of constants, computed once
var endsString = func() (t [256]bool) {
	for c := range byte(' ') {
		t[c] = true
	}
	t['"'], t['\\'] = true, true
	return t
}()

// scanCount reads a whole number of one to four digits.
func scanCount(b []byte, i int) (n, after int) {
	first := skipSpace(b, i)
	for i = first; i < len(b) && '0' <= b[i] && b[i] <= '9'; i++ {
		if i == first+4 {
			return 0, -1
		}
		n = 10*n + int(b[i]-'0')
	}
	if i == first || i > first+1 && b[first] == '0' {
		return 0, -1
	}
	return n, i
}

func skipSpace(b []byte, i int) (after int) {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}
