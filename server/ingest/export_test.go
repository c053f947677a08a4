package ingest

import "github.com/emostream/emostream/internal/wire"

// Parse judges a reaction by encoding/json alone, or, where that reads it, by the
// fast reader.
func Parse(body string, general bool) (r wire.Reaction, count int, refusal string) {
	judge := parse
	if general {
		judge = parseAny
	}
	got, refused := judge([]byte(body))
	if refused != nil {
		return wire.Reaction{}, 0, refused.Code + ": " + refused.Message
	}
	return got.Reaction, got.count, ""
}
