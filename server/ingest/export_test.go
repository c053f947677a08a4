package ingest

import "github.com/emostream/emostream/internal/wire"

// Parse reads a reaction. If general is set, it uses encoding/json alone. Otherwise it
// uses the fast reader where that can read the body. It returns the refusal's code and
// message, or "" if the reaction is valid.
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
