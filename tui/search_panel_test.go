package tui_test

import (
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/emoji"
	"github.com/emostream/emostream/tui"
)

func TestFind(t *testing.T) {
	for query, want := range map[string]string{
		"fire":        "🔥 ❤️‍🔥 🧑‍🚒", // the emoji, then one that begins with the word, then one that contains it
		":fire:":      "🔥",
		"🔥":           "🔥",
		"❤":           "❤️",
		"Party Pop":   "🎉",
		"tada":        "🎉",
		"satisfied":   "😆", // a second shortcode
		"flag german": "🇩🇪",
		"keycap 1":    "1️⃣",
		"qqqq":        "",
		"waving skin": "👋🏻 👋🏼 👋🏽",
	} {
		var got []string
		for _, e := range tui.Find(query, 50) {
			got = append(got, string(e))
		}
		if all := strings.Join(got, " "); !strings.HasPrefix(all, strings.Split(want, " ")[0]) || want == "" && all != "" {
			t.Errorf("%q finds %s, want %s", query, all, want)
		}
		for e := range strings.FieldsSeq(want) {
			if !strings.Contains(strings.Join(got, " "), e) {
				t.Errorf("%q does not find %s but %v", query, e, got)
			}
		}
	}
	if n := len(tui.Find("", 7)); n != 7 {
		t.Errorf("nothing finds %d, want the 7 that were asked for", n)
	}
	for e := range emoji.All() {
		if found := tui.Find(string(e), 1); len(found) != 1 || found[0] != e {
			t.Fatalf("%s finds %v", e, found)
		}
	}
}
