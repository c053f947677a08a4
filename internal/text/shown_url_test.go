package text_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/text"
)

func TestShownURL(t *testing.T) {
	for in, want := range map[string]string{
		"http://localhost:5000":           "http://localhost:5000",
		"http://ann:p4ss w0rd@host/x":     "http://…@host/x",
		`https://ann:p4"<ss@host`:         "https://…@host",
		"http://ann:a@b:c@host":           "http://…@host",
		"ann:secret@host":                 "…@host",
		"ann:x://y@host":                  "…@host",
		"http:/ann:secret@host":           "…@host",
		"http://ann:http://\nsecret@host": "http://…@host",
	} {
		if got := text.ShownURL(in); got != want {
			t.Errorf("ShownURL(%q) = %q, want %q", in, got, want)
		}
	}
}

// Whatever user and password hold, no piece of them is shown.
func TestShownURLHidesAnyUser(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	around := []rune("aZ0 \"'<>{}[]\\^`|%/?#:@\t\n\x00\u00a0é🔥://")
	for range 20_000 {
		var user strings.Builder
		for range r.IntN(12) {
			user.WriteRune(around[r.IntN(len(around))])
		}
		before, after, _ := strings.Cut(user.String(), " ")
		in := "http://" + before + "QSECRETQ" + after + "@127.0.0.1:7104/x"
		if got := text.ShownURL(in); got != "http://…@127.0.0.1:7104/x" {
			t.Fatalf("ShownURL(%q) = %q", in, got)
		}
	}
}
