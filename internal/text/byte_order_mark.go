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
	return fmt.Sprintf("it is %s, and UTF-8 is wanted: PowerShell writes that by Out-File -Encoding utf8, and iconv -f %s -t UTF-8 makes it", e.Name, e.Name)
}

// TrimMark returns a text without the byte order mark before it. If the text begins as
// UTF-16 or UTF-32 does, with a mark or without, the error is an *EncodingError.
func TrimMark(b []byte) ([]byte, error) {
	if name := wideEncoding(b); name != "" {
		return nil, &EncodingError{name}
	}
	return bytes.TrimPrefix(b, []byte(ByteOrderMark)), nil
}

// wideEncoding returns the encoding of a text whose characters have two or four bytes
// each, "" if it is another one. A text that begins with an ASCII character and has no
// mark shows it by the bytes that are 0.
func wideEncoding(b []byte) string {
	at := func(i int) byte {
		if i < len(b) {
			return b[i]
		}
		return 1 // neither 0 nor a part of a mark
	}
	switch {
	case at(0) == 0 && at(1) == 0, at(0) > 0 && at(1) == 0 && at(2) == 0, isMark(b, 0xff, 0xfe) && at(2) == 0 && at(3) == 0:
		return "UTF-32"
	case at(0) == 0, at(1) == 0, isMark(b, 0xff, 0xfe), isMark(b, 0xfe, 0xff):
		return "UTF-16"
	}
	return ""
}

func isMark(b []byte, first, second byte) bool {
	return len(b) > 1 && b[0] == first && b[1] == second
}

// SkipMark returns a reader of in without the byte order mark before its text. If the
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
	for r.err == nil && n < len(first) && (n == 0 || undecided(first[:n])) {
		var more int
		more, r.err = r.in.Read(first[n:])
		n += more
	}
	head, err := TrimMark(first[:n])
	if err != nil {
		r.err = err
	}
	r.head = bytes.Clone(head)
}

// undecided says whether more bytes are needed to tell the encoding of a text that
// begins with b.
func undecided(b []byte) bool {
	return len(b) < len(ByteOrderMark) && bytes.HasPrefix([]byte(ByteOrderMark), b) || b[0] == 0xfe || b[0] == 0xff || b[0] == 0
}
