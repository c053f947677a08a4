package ingest

import "github.com/emostream/emostream/internal/wire"

// Parse judges a reaction by encoding/json alone, or, where that reads it, by the
// fast reader.
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
