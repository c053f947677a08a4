package main

import (
	"fmt"
	"strings"
	"testing"
)

// Emojis on stdin are read as editors write them: a byte order mark is no part of the
// first, and UTF-16 is refused by that name.
func TestReadWords(t *testing.T) {
	for in, want := range map[string]string{
		"🔥 :tada:\r\n\t💖":            "[🔥 :tada: 💖]",
		"\ufeff🔥\r\n🎉\r\n":           "[🔥 🎉]",
		"\ufeff":                     "[]",
		"\ufeff🔥\n\ufeff🎉\n\ufeff\n": "[🔥 🎉]",
		"\xff\xfe=\xd8%\xdd\r\x00":   "[read stdin: it is UTF-16, and UTF-8 is wanted: PowerShell's > and Excel's \"Unicode Text\" write UTF-16, Out-File -Encoding utf8 and Excel's \"CSV UTF-8\" write UTF-8, and iconv -f UTF-16 -t UTF-8 makes it]",
	} {
		got := []string{}
		for word, err := range readWords(t.Context(), strings.NewReader(in)) {
			if err != nil {
				word = err.Error()
			}
			got = append(got, word)
		}
		if s := fmt.Sprint(got); s != want {
			t.Errorf("%q: got %s, want %s", in, s, want)
		}
	}
}
