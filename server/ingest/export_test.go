package ingest

import "github.com/emostream/emostream/internal/wire"

// Plain reads a tap in the common form, and says whether it was.
func Plain(s string) (r wire.Reaction, count int, ok bool) {
	got, typed, ok := readPlain(s)
	got.Emoji = typed
	return got.Reaction, got.count, ok
}

// Parse judges a tap by the general way, or by the one for the common form where
// that reads it.
func Parse(body string, general bool) (r wire.Reaction, count int, refusal string) {
	judge := parse
	if general {
		judge = parseAny
	}
	got, problem := judge([]byte(body))
	if problem != nil {
		return wire.Reaction{}, 0, problem.Code + ": " + problem.Message
	}
	return got.Reaction, got.count, ""
}
