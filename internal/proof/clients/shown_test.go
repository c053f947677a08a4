package clients_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/sse"
)

// shown is what a client has shown so far. It is written to line by line.
type shown struct {
	mu     sync.Mutex
	rest   []byte // of a line that has not ended
	events []event
}

// Write takes lines of JSON. Other lines are what a library logs.
func (s *shown) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rest = append(s.rest, p...)
	for {
		line, rest, whole := bytes.Cut(s.rest, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		e := event{at: time.Now()}
		if json.Unmarshal(line, &e) == nil {
			s.events = append(s.events, e)
		}
		s.rest = rest
	}
}

// all returns the events so far.
func (s *shown) all() []event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

// shows returns whether an event shows the window that ends then, or a later one.
func (s *shown) shows(end int64) bool {
	return slices.ContainsFunc(s.all(), func(e event) bool {
		is, err := windowEnd(e.Data)
		return err == nil && is >= end
	})
}

// watch listens to a server until the test ends, with the program's own client.
func (s *shown) watch(t *testing.T, url string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var listening sync.WaitGroup
	listening.Go(func() {
		c := sse.Client{URL: url, OnEvent: func(e sse.Event) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.events = append(s.events, event{e.ID, e.Name, string(e.Data), time.Now()})
			return nil
		}}
		if err := c.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		listening.Wait()
	})
}

// truth returns what has been shown, as what others should show.
func (s *shown) truth() truth {
	is := truth{forms: map[int64][]string{}, at: map[int64]time.Time{}}
	for _, e := range s.all() {
		end, err := windowEnd(e.Data)
		if err != nil {
			continue // this program's own client shows no such event
		}
		if is.forms[end] == nil {
			is.at[end] = e.at
		}
		is.forms[end] = append(is.forms[end], e.Data)
	}
	for _, forms := range is.forms {
		slices.SortStableFunc(forms, func(a, b string) int { return cmp.Compare(total(a), total(b)) })
	}
	return is
}

// newest returns the end of the newest window that is shown.
func (s *shown) newest() int64 { return s.truth().newest() }
