package ingest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/emostream/emostream/internal/proof/contract"
	"github.com/emostream/emostream/internal/proof/contract/contracttest"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/server/ingest"
)

// memory is a log that keeps what is appended. It fails the test if an append is empty
// or larger than a batch of Kafka.
type memory struct {
	t testing.TB
	// answer, if set, returns the outcome of the n-th append, counted from 1. It may
	// wait. Records that it refuses are not kept.
	answer func(ctx context.Context, n int) error

	mu      sync.Mutex
	records []stream.Record
	appends int
}

func (m *memory) Append(ctx context.Context, records []stream.Record) error {
	m.mu.Lock()
	m.appends++
	n, bytes := m.appends, 0
	m.mu.Unlock()
	for _, r := range records {
		bytes += len(r.Value)
		if r.Key != nil || r.Headers != nil {
			m.t.Errorf("record %s has a key or headers: a hot emoji would make a hot partition", r.Value)
		}
	}
	if len(records) == 0 || len(records) >= 5_100 || bytes >= 700<<10 {
		m.t.Errorf("%d records of %d bytes were appended at once", len(records), bytes)
	}
	if m.answer != nil {
		if err := m.answer(ctx, n); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range records { // copied, since the caller uses them again afterwards
		m.records = append(m.records, stream.Record{Time: r.Time, Value: append([]byte(nil), r.Value...)})
	}
	return nil
}

// failing returns an answer that gives every append the same error.
func failing(err error) func(context.Context, int) error {
	return func(context.Context, int) error { return err }
}

// values returns what the log holds, as text.
func (m *memory) values() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []string
	for _, r := range m.records {
		out = append(out, string(r.Value))
	}
	return out
}

// times returns the times of the records, in ms since 1970.
func (m *memory) times() []int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []int64
	for _, r := range m.records {
		out = append(out, r.Time)
	}
	return out
}

func (m *memory) asked() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.appends
}

// routes returns the HTTP handler of the ingest calls, with a log.
func routes(log ingest.Log, cfg ingest.Config) http.Handler {
	cfg.Log = log
	mux := http.NewServeMux()
	ingest.New(cfg).Routes(mux)
	return contracttest.Watch(contract.Main, mux)
}

const asJSON = "application/json"

// post hands a request to the handler without a network.
func post(h http.Handler, path, contentType, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
