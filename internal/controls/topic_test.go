package controls_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/emostream/emostream/internal/controls"
	"github.com/emostream/emostream/internal/passedover"
	"github.com/emostream/emostream/internal/stream"
)

// topic is emostream-controls in memory.
type topic struct {
	mu      sync.Mutex
	start   int64
	records []stream.Record
	changed chan struct{}
	broken  error // of every write
	away    bool  // nothing can be read
	// meanwhile, if set, is called once before the next write, without the lock.
	meanwhile func()
}

func newTopic() *topic { return &topic{changed: make(chan struct{})} }

func (l *topic) Write(_ context.Context, _ int, records []stream.Record) error {
	if f := l.meanwhile; f != nil {
		l.meanwhile = nil
		f()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return l.broken
	}
	for _, r := range records {
		r.Offset = l.start + int64(len(l.records))
		l.records = append(l.records, r)
	}
	l.tell()
	return nil
}

func (l *topic) tell() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// write writes a record with a key and a value.
func (l *topic) write(key, value string) {
	_ = l.Write(context.Background(), 0, []stream.Record{{Key: []byte(key), Value: []byte(value)}})
}

func (l *topic) end() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.start + int64(len(l.records))
}

// compact leaves the last record of each key, as a broker does. Offsets stay.
func (l *topic) compact() {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := map[string]int64{}
	for _, r := range l.records {
		last[string(r.Key)] = r.Offset
	}
	for i, r := range l.records {
		if last[string(r.Key)] != r.Offset {
			l.records[i] = stream.Record{Offset: -1}
		}
	}
}

// goAway lets nothing be read from now on, or everything again.
func (l *topic) goAway(away bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.away = away
	l.tell()
}

// forget removes the records that end something, as a broker does a day after compaction.
func (l *topic) forget() {
	l.compact()
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, r := range l.records {
		if len(r.Value) == 0 {
			l.records[i] = stream.Record{Offset: -1}
		}
	}
}

// anew makes the topic another one, without records.
func (l *topic) anew() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = nil
	l.tell()
}

func (l *topic) Fetch(ctx context.Context, offset int64, wait time.Duration) (stream.Batch, error) {
	waited := time.NewTimer(wait)
	defer waited.Stop()
	for {
		l.mu.Lock()
		end, changed := l.start+int64(len(l.records)), l.changed
		b := stream.Batch{Next: offset, HighWatermark: end}
		if l.away {
			l.mu.Unlock()
			select {
			case <-changed:
				continue
			case <-ctx.Done():
				return b, ctx.Err()
			}
		}
		if offset > end {
			l.mu.Unlock()
			return b, &stream.OutOfRangeError{Offset: offset, Start: l.start, End: end}
		}
		for ; b.Next < end; b.Next++ {
			if r := l.records[b.Next-l.start]; r.Offset >= 0 {
				b.Records = append(b.Records, r)
			}
		}
		l.mu.Unlock()
		if b.Next > offset {
			return b, nil
		}
		select {
		case <-changed:
		case <-waited.C:
			return b, nil
		case <-ctx.Done():
			return b, ctx.Err()
		}
	}
}

// following is a table that follows a topic in virtual time.
type following struct {
	controls.Table
	editor  controls.Editor
	log     bytes.Buffer
	metrics *prometheus.Registry
	ready   bool
	ended   chan error
	stop    context.CancelFunc
}

// follow lets a table follow a topic, and waits until it has read all records.
func follow(t *testing.T, l *topic) *following {
	t.Helper()
	f := &following{ended: make(chan error, 1), metrics: prometheus.NewPedanticRegistry()}
	log := slog.New(slog.NewTextHandler(&f.log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	f.Logger = log
	f.editor = controls.Editor{Table: &f.Table, Topic: l}
	f.again(t, l, passedover.New("serve", log, f.metrics))
	return f
}

// again lets the table follow the topic from its start, and waits until it has read all
// records.
func (f *following) again(t *testing.T, l *topic, over *passedover.Reporter) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	f.stop, f.ready = cancel, false
	go func() {
		f.ended <- f.Follow(ctx, l, 0, l.end(), "controls", over, func() { f.ready = true })
	}()
	t.Cleanup(cancel)
	synctest.Wait()
}

// has fails the test unless a name of a kind is in a state now; "": nothing is in force.
func (f *following) has(t *testing.T, kind controls.Kind, name string, want controls.State) {
	t.Helper()
	synctest.Wait()
	c, ok := f.Get(kind, name, time.Now())
	if c.State != want || ok != (want != "") {
		t.Errorf("%s %s is %q (%v), want %q", kind, name, c.State, ok, want)
	}
}

var errBroken = errors.New("not authorized")
