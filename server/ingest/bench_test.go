package ingest_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/server/ingest"
)

// nowhere acknowledges at once and keeps nothing.
type nowhere struct{}

func (nowhere) Append(context.Context, []stream.Record) error { return nil }

// discard is an answer that nobody reads.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }

// What a request costs beside net/http and the log. One that is refused must cost
// no more than one that is accepted.
func BenchmarkRequest(b *testing.B) {
	for name, body := range map[string]string{
		"accepted":           `{"user_id":"user_123","emoji_type":"🔥","timestamp":"2026-11-24T10:00:00.000Z"}`,
		"accepted, escapes":  `{"user_id":"user\u005f123","emoji_type":"🔥","timestamp":"2026-11-24T10:00:00.000Z"}`,
		"refused, no emoji":  `{"user_id":"user_123","emoji_type":"fire","timestamp":"2026-11-24T10:00:00.000Z"}`,
		"refused, no user":   `{"user_id":"","emoji_type":"🔥","timestamp":"2026-11-24T10:00:00.000Z"}`,
		"refused, no object": `"🔥"`,
		"refused, no JSON":   `user_123 fire`,
	} {
		b.Run(name, func(b *testing.B) {
			mux := http.NewServeMux()
			ingest.New(ingest.Config{Log: nowhere{}}).Routes(mux)
			in := strings.NewReader(body)
			r := httptest.NewRequest(http.MethodPost, "/send_emoji", in)
			r.Header.Set("Content-Type", asJSON)
			b.ReportAllocs()
			for b.Loop() {
				in.Reset(body)
				r.Body = io.NopCloser(in)
				mux.ServeHTTP(&discard{header: http.Header{}}, r)
			}
		})
	}
}

// BenchmarkLines is a stream of reactions; one operation is one of them.
func BenchmarkLines(b *testing.B) {
	line := []byte(`{"user_id":"user_123","emoji_type":"🔥","timestamp":"2026-11-24T10:00:00.000Z"}` + "\n")
	const lines = 100_000
	body := bytes.Repeat(line, lines)
	mux := http.NewServeMux()
	ingest.New(ingest.Config{Log: nowhere{}}).Routes(mux)
	b.ReportAllocs()
	b.SetBytes(int64(len(line)))
	for done := 0; done < b.N; done += lines {
		r := httptest.NewRequest(http.MethodPost, "/v1/reactions", bytes.NewReader(body[:min(lines, b.N-done)*len(line)]))
		r.Header.Set("Content-Type", asLines)
		mux.ServeHTTP(&discard{header: http.Header{}}, r)
	}
}
