package text

import (
	"bytes"
	"fmt"
	"io"
)

// Some programs put a byte order mark before a text. It is U+FEFF, three bytes of UTF-8
// that are no part of the text. Editors on Windows write it, and so does Excel.

// ByteOrderMark is the mark as UTF-8 has it.
const ByteOrderMark = "\ufeff"

// EncodingError says that a text is not UTF-8.
type EncodingError struct {
	Name string // "UTF-16" or "UTF-32"
}

func (e *EncodingError) Error() string {
	return fmt.Sprintf("it is %s, and UTF-8 is wanted: PowerShell's > and Excel's \"Unicode Text\" write UTF-16, Out-File -Encoding utf8 and Excel's \"CSV UTF-8\" write UTF-8, and iconv -f %s -t UTF-8 makes it", e.Name, e.Name)
}

// TrimMark returns a text without the byte order marks before it. If it is UTF-16 or
// UTF-32, as WideEncoding tells them, the error is an *EncodingError.
func TrimMark(b []byte) ([]byte, error) {
	b = WithoutMarks(b)
	if name := WideEncoding(b); name != "" {
		return nil, &EncodingError{name}
	}
	return b, nil
}

// WithoutMarks returns a text without the byte order marks before it: there are several
// where a program has put one before a text that had one. It does not copy the text.
func WithoutMarks(b []byte) []byte {
	for len(b) >= len(ByteOrderMark) && string(b[:len(ByteOrderMark)]) == ByteOrderMark { // faster than bytes.HasPrefix
		b = b[len(ByteOrderMark):]
	}
	return b
}

// WideEncoding returns "UTF-16" or "UTF-32" if a text is in that encoding, else "". A text
// without a byte order mark of that encoding is recognized by the zero bytes around its
// first character, if that is ASCII, as in every JSON text.
func WideEncoding(b []byte) string {
	for _, start := range []struct{ encoding, bytes string }{
		{"UTF-32", "\xFF\xFE\x00\x00"},
		{"UTF-32", "\x00\x00\xFE\xFF"},
		{"UTF-32", "?\x00\x00\x00"},
		{"UTF-32", "\x00\x00\x00?"},
		{"UTF-16", "\xFF\xFE"},
		{"UTF-16", "\xFE\xFF"},
		{"UTF-16", "?\x00"},
		{"UTF-16", "\x00?"},
	} {
		if beginsWith(b, start.bytes) {
			return start.encoding
		}
	}
	return ""
}

// beginsWith says whether a text begins as in a pattern, where a question mark stands for
// any byte but zero.
func beginsWith(b []byte, pattern string) bool {
	if len(b) < len(pattern) {
		return false
	}
	for i := range len(pattern) {
		if b[i] != pattern[i] && (pattern[i] != '?' || b[i] == 0) {
			return false
		}
	}
	return true
}

// SkipMark returns a reader of in without the byte order marks before its text. If the
// text is not UTF-8, its reads fail with an *EncodingError. What is typed is read at
// once: after a character of ASCII it waits for no more. So UTF-16 without a mark is
// told only if the first bytes come together, as those of a file do.
func SkipMark(in io.Reader) io.Reader { return &markSkipper{in: in} }

type markSkipper struct {
	in    io.Reader
	begun bool
	head  []byte // the first bytes of the text, which are not handed over yet
	err   error  // what is returned after head
}

func (r *markSkipper) Read(p []byte) (int, error) {
	if !r.begun {
		r.begun = true
		r.begin()
	}
	switch {
	case len(r.head) > 0:
		n := copy(p, r.head)
		r.head = r.head[n:]
		return n, nil
	case r.err != nil:
		return 0, r.err
	}
	return r.in.Read(p)
}

// begin reads the first bytes.
func (r *markSkipper) begin() {
	var first [4]byte
	n := 0
	for r.err == nil && undecided(first[:n]) {
		var more int
		more, r.err = r.in.Read(first[n:])
		n = copy(first[:], WithoutMarks(first[:n+more]))
	}
	head, err := TrimMark(first[:n])
	if err != nil {
		r.err = err
	}
	r.head = bytes.Clone(head)
}

// undecided says whether more bytes are needed to tell whether a text that begins with b,
// which has four bytes at most, has a mark, and what encoding.
func undecided(b []byte) bool {
	switch {
	case len(b) == 0:
		return true
	case len(b) < len(ByteOrderMark) && ByteOrderMark[:len(b)] == string(b):
		return true
	}
	return len(b) < 4 && (b[0] == 0xfe || b[0] == 0xff || b[0] == 0)
}
