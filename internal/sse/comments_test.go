package sse_test

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/emostream/emostream/internal/sse"
)

func TestWithoutComments(t *testing.T) {
	for in, want := range map[string]string{
		"":                                  "",
		":\n":                               "",
		":\n:\n: hb\n":                      "",
		": not ended":                       "",
		"data: a\n\n":                       "data: a\n\n",
		":\nretry: 1\n:\ndata: a\n\n:\n":    "retry: 1\ndata: a\n\n",
		"data: a:b\n:c\n:\n:d\ndata::\n\n":  "data: a:b\ndata::\n\n",
		":c\r\ndata: a\r\n:\r\n\r\n":        "data: a\r\n\r\n",
		":c\rdata: a\n:\r\n:\r:\r\n\n":      "data: a\n\n",
		"data: a\r:c\n\n":                   "data: a\r:c\n\n", // else one line end would be left of two
		"data: a\r:c\r\rdata: b\r\r":        "data: a\r:c\r\rdata: b\r\r",
		"\ufeff:c\n:\ndata: a\n\n":          "\ufeff:c\ndata: a\n\n",
		"\n:\n\n:\n\n":                      "\n\n\n",
		strings.Repeat(":\n", 10_000) + "a": "a",
	} {
		for name, from := range map[string]io.Reader{"whole": strings.NewReader(in), "bytes": iotest.OneByteReader(strings.NewReader(in)), "with the error": iotest.DataErrReader(strings.NewReader(in))} {
			got, err := io.ReadAll(sse.WithoutComments(from))
			if string(got) != want || err != nil {
				t.Errorf("%.40q, %s: read %q, %v, want %q", in, name, got, err, want)
			}
		}
	}
}
