package e2e_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// A program in aggregate's place counts ❤ from Flask and ❤️ (with U+FE0F) from serve
// apart, and writes times and numbers in its own way. People see one row, and a revision
// of it when one of the two grows.
func TestStandInForAggregate(t *testing.T) {
	sideBySide(t)
	_, in := up(t)
	c := in.open()
	defer c.Close()
	end := time.Now().UTC().Truncate(2 * time.Second)
	text := func(t time.Time) string { return t.Format("2006-01-02 15:04:05") }
	write := func(emoji, count, scaled string) {
		t.Helper()
		value := fmt.Sprintf(`{"window":{"start":"%s","end":"%s"},"emoji_type":%q,"emoji_count":%s,"emoji_count_aggregated":%s}`,
			text(end.Add(-2*time.Second)), text(end), emoji, count, scaled)
		r := stream.Record{Time: time.Now().UnixMilli(), Value: []byte(value)}
		if err := c.Writer(in.names.Counts()).Write(t.Context(), 0, []stream.Record{r}); err != nil {
			t.Fatal(err)
		}
	}
	listeners := map[string]*listener{}
	for name, url := range in.servers {
		listeners[name] = listen(t, url)
	}
	shown := func(total int64, want ...wire.EmojiCount) {
		t.Helper()
		for name, l := range listeners {
			until(t, fmt.Sprintf("%s shows %d", name, total), func() error {
				l.mu.Lock()
				defer l.mu.Unlock()
				s := l.windows[end.UnixMilli()]
				if diff := cmp.Diff(want, s.Emojis); s.Total != total || diff != "" {
					return fmt.Errorf("its total is %d (-want +got):\n%s", s.Total, diff)
				}
				return nil
			})
		}
	}
	write("❤", "7.0", "1")
	write("❤\ufe0f", `"12"`, `"1.2"`)
	write("🔥", "15", "1.5")
	shown(34, wire.EmojiCount{Emoji: "❤\ufe0f", Count: 19, Scaled: 2.2}, wire.EmojiCount{Emoji: "🔥", Count: 15, Scaled: 1.5})
	write("❤", "20", "2.0")
	write("❤\ufe0f", "11", "1.1") // an old count
	shown(47, wire.EmojiCount{Emoji: "❤\ufe0f", Count: 32, Scaled: 3.2}, wire.EmojiCount{Emoji: "🔥", Count: 15, Scaled: 1.5})
}
