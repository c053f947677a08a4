package ingest_test

import (
	"bytes"
	"net/http/httptest"
	"testing"

	"github.com/emostream/emostream/server/ingest"
)

// BenchmarkLines sends streams of reactions. One operation is one reaction.
func BenchmarkLines(b *testing.B) {
	line := []byte(`{"user_id":"user_123","emoji_type":"🔥","timestamp":"2026-11-24T10:00:00.000Z"}` + "\n")
	const lines = 100_000
	body := bytes.Repeat(line, lines)
	h := routes(nothing{}, ingest.Config{})
	b.ReportAllocs()
	b.SetBytes(int64(len(line)))
	for done := 0; done < b.N; done += lines {
		r := httptest.NewRequest("POST", "/v1/reactions", bytes.NewReader(body[:min(lines, b.N-done)*len(line)]))
		r.Header.Set("Content-Type", asLines)
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
}
