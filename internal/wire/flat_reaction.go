package wire

import "bytes"

// FlatReaction says where in a JSON text the fields of a reaction are.
type FlatReaction struct {
	UserID, Emoji, Timestamp, Channel Piece
	Count                             int // 1 if the text has no count
}

// Piece is a part of a text: the bytes from index from up to, and without, index to.
// The zero Piece stands for a field that the text does not have.
type Piece struct{ from, to int }

// Exists says whether the text has the field. The field may be empty.
func (p Piece) Exists() bool { return p.to > 0 }

// In returns the bytes of text that the piece stands for. They are not copied. It
// returns nil if the text does not have the field.
func (p Piece) In(text []byte) []byte {
	if !p.Exists() {
		return nil
	}
	return text[p.from:p.to]
}

// InString does the same as In for a text that is a string. It returns "" if the text
// does not have the field.
func (p Piece) InString(text string) string { return text[p.from:p.to] }

// ScanFlatReaction is a fast decoder of reactions. It decodes the form in which almost
// all are written: a JSON object of strings without escapes, and perhaps a count of one
// to four digits. It skips strings with other names. It allocates nothing.
//
// It returns false for any other text, be it JSON or not; then encoding/json must
// decide. If it returns true and the text is UTF-8, encoding/json decodes the same.
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
				return r, false // encoding/json would take Count for count
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

// The scan functions and skipSpace begin at index i of b. The scan functions skip white
// space there, and return -1 as the index if they do not find what they look for. All
// return the index after what they have read.

func scanByte(b []byte, i int, c byte) (after int) {
	if i < len(b) && b[i] == c {
		return i + 1 // the most frequent case
	}
	if i = skipSpace(b, i); i < len(b) && b[i] == c {
		return i + 1
	}
	return -1
}

// scanString reads a string without escapes. Looking each byte up in a table is faster
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

// endsString marks the bytes at which scanString stops. At a quotation mark the string
// ends. A backslash or a control character makes scanString give up: it reads no escapes,
// and JSON forbids control characters in strings.
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

// scanNumber reads a whole number of up to 18 digits.
func scanNumber(b []byte, i int) (n int64, after int) {
	i = skipSpace(b, i)
	minus := i < len(b) && b[i] == '-'
	if minus {
		i++
	}
	first := i
	for ; i < len(b) && '0' <= b[i] && b[i] <= '9'; i++ {
		if i == first+18 {
			return 0, -1
		}
		n = 10*n + int64(b[i]-'0')
	}
	if i == first || i > first+1 && b[first] == '0' {
		return 0, -1
	}
	if minus {
		n = -n
	}
	return n, i
}

func skipSpace(b []byte, i int) (after int) {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}
