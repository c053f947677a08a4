package text_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/emostream/emostream/internal/text"
)

// A byte order mark is no part of a text, and a text that is not UTF-8 is refused by
// the name of its encoding. However the bytes come, both functions agree.
func TestByteOrderMark(t *testing.T) {
	for what, tt := range map[string]struct{ in, want, encoding string }{
		"nothing":                     {in: ""},
		"text":                        {in: "serve:\n", want: "serve:\n"},
		"one byte":                    {in: "1", want: "1"},
		"a mark":                      {in: "\ufeff{}", want: "{}"},
		"a mark alone":                {in: "\ufeff", want: ""},
		"two marks":                   {in: "\ufeff\ufeff{}", want: "{}"},
		"marks alone":                 {in: "\ufeff\ufeff\ufeff"},
		"a mark and a part of one":    {in: "\ufeff\xef\xbb", want: "\xef\xbb"},
		"a mark later":                {in: " \ufeff{}\ufeff", want: " \ufeff{}\ufeff"},
		"zero bytes":                  {in: "\x00\x00", want: "\x00\x00"},
		"many of them":                {in: "\x00\x00\x00\x00{", want: "\x00\x00\x00\x00{"},
		"one of them":                 {in: "\x00", want: "\x00"},
		"UTF-16 after a mark":         {in: "\ufeff\xff\xfe{\x00", encoding: "UTF-16"},
		"a part of a mark":            {in: "\xef\xbb", want: "\xef\xbb"},
		"an emoji":                    {in: "🔥", want: "🔥"},
		"a character like a mark":     {in: "\ufefe", want: "\ufefe"},
		"UTF-16 as PowerShell writes": {in: "\xff\xfe{\x00}\x00", encoding: "UTF-16"},
		"UTF-16 of the other order":   {in: "\xfe\xff\x00{\x00}", encoding: "UTF-16"},
		"UTF-16 without a mark":       {in: "{\x00}\x00", encoding: "UTF-16"},
		"and of the other order":      {in: "\x00{\x00}", encoding: "UTF-16"},
		"the mark of UTF-16 alone":    {in: "\xff\xfe", encoding: "UTF-16"},
		"UTF-32":                      {in: "\xff\xfe\x00\x00{\x00\x00\x00", encoding: "UTF-32"},
		"UTF-32 of the other order":   {in: "\x00\x00\xfe\xff\x00\x00\x00{", encoding: "UTF-32"},
		"UTF-32 without a mark":       {in: "{\x00\x00\x00}\x00\x00\x00", encoding: "UTF-32"},
	} {
		t.Run(what, func(t *testing.T) {
			trimmed, err := text.TrimMark([]byte(tt.in))
			check(t, string(trimmed), err, tt.want, tt.encoding)
			readers := []io.Reader{strings.NewReader(tt.in), iotest.DataErrReader(strings.NewReader(tt.in))}
			if !strings.HasPrefix(tt.in, "{\x00") {
				readers = append(readers, iotest.OneByteReader(strings.NewReader(tt.in)))
			}
			for _, in := range readers {
				read, err := io.ReadAll(text.SkipMark(in))
				check(t, string(read), err, tt.want, tt.encoding)
			}
		})
	}
}

func check(t *testing.T, got string, err error, want, encoding string) {
	t.Helper()
	wrong, ok := errors.AsType[*text.EncodingError](err)
	if got != want || ok != (encoding != "") || !ok && err != nil || ok && (wrong.Name != encoding || !strings.Contains(err.Error(), "it is "+encoding+", ")) {
		t.Errorf("%q, %v, want %q, %q", got, err, want, encoding)
	}
}

// What is typed is handed over at once: SkipMark waits for no second byte after one
// that begins no mark.
func TestSkipMarkDoesNotWait(t *testing.T) {
	in, typed := io.Pipe()
	defer in.Close()
	go func() { _, _ = typed.Write([]byte("x")) }()
	var p [8]byte
	if n, err := text.SkipMark(in).Read(p[:]); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}
