package publisher_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/stream"
)

// topics are topics in memory by name, with one partition each.
type topics struct {
	mu     sync.Mutex
	byName map[string]*topic
}

func (s *topics) get(name string) *topic {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byName == nil {
		s.byName = map[string]*topic{}
	}
	if s.byName[name] == nil {
		s.byName[name] = &topic{more: make(chan struct{})}
	}
	return s.byName[name]
}

func (s *topics) writer(name string) stream.Writer { return s.get(name) }

// topic is one partition in memory: its reader, writer and committer. A fetch waits for
// records, as it does with a broker.
type topic struct {
	mu      sync.Mutex
	records []stream.Record
	start   int64 // offsets below it are gone
	more    chan struct{}
	lent    []stream.Record // the records that the last fetch returned
	commits []stream.Commit
	fault   error         // error of every write and commit
	stuck   chan struct{} // writes wait until it is closed; nil: they do not wait
	linger  time.Duration // how long a waiting write goes on after its context has ended
	writes  int           // how many writes have ended
}

func (p *topic) Write(ctx context.Context, partition int, records []stream.Record) error {
	if p.stuck != nil {
		select {
		case <-p.stuck:
		case <-ctx.Done():
			<-time.After(p.linger)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writes++
	if p.fault != nil || ctx.Err() != nil {
		return errors.Join(p.fault, ctx.Err())
	}
	if partition != 0 {
		return errors.New("there is one partition")
	}
	for _, r := range records {
		r.Offset = int64(len(p.records))
		p.records = append(p.records, r)
	}
	close(p.more)
	p.more = make(chan struct{})
	return nil
}

func (p *topic) Commit(_ context.Context, c stream.Commit) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fault == nil {
		p.commits = append(p.commits, c)
	}
	return p.fault
}

func (p *topic) all() []stream.Record {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.records
}

// claim returns a claim of the topic with its last commit.
func (p *topic) claim() stream.Claim {
	p.mu.Lock()
	defer p.mu.Unlock()
	committed := stream.Commit{Offset: stream.None}
	if n := len(p.commits); n > 0 {
		committed = p.commits[n-1]
	}
	return stream.Claim{Topic: "topic", Partitions: 1, Committed: committed, Start: p.start, End: int64(len(p.records)), Log: p, Offsets: p}
}

func (p *topic) Fetch(ctx context.Context, offset int64, wait time.Duration) (stream.Batch, error) {
	b := stream.Batch{Next: offset, SentAt: time.Now()}
	for over := time.After(wait); ; {
		p.mu.Lock()
		log, start, more := p.records, p.start, p.more
		p.mu.Unlock()
		b.HighWatermark = int64(len(log))
		switch {
		case offset < start || offset > b.HighWatermark:
			return b, &stream.OutOfRangeError{Topic: "topic", Offset: offset, Start: start, End: b.HighWatermark}
		case offset < b.HighWatermark:
			b.Records, b.Next = p.lend(log[offset:]), b.HighWatermark
			return b, nil
		}
		select {
		case <-ctx.Done():
			return b, ctx.Err()
		case <-over:
			return b, nil
		case <-more:
		}
	}
}

// lend returns copies of records, and overwrites those of the fetch before, as readers
// may do.
func (p *topic) lend(records []stream.Record) []stream.Record {
	for _, r := range p.lent {
		clear(r.Key)
		clear(r.Value)
	}
	p.lent = slices.Clone(records)
	for i, r := range records {
		p.lent[i].Key, p.lent[i].Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
	}
	return p.lent
}

// zero is the time at which synctest's clock begins: 2000-01-01, in ms.
const zero = 946684800000

// until moves the clock on to at, in ms after zero.
func until(at int64) {
	<-time.After(time.Until(time.UnixMilli(zero + at)))
	synctest.Wait()
}

// run runs f. stop ends it and waits until it has ended.
func run(t *testing.T, f func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	return func() {
		t.Helper()
		cancel()
		synctest.Wait()
		select {
		case err := <-done:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("it ended with %v, want it to end because it is told to", err)
			}
		default:
			t.Error("it did not end at once when it was told to")
		}
	}
}
