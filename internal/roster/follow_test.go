package roster_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/emostream/emostream/internal/passedover"
	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// topic is emostream-servers in memory. Its clock is ahead of ours.
type topic struct {
	mu      sync.Mutex
	start   int64
	records []stream.Record
	changed chan struct{}
	ahead   time.Duration
	away    bool // the broker answers nothing
	broken  error
}

func newTopic() *topic { return &topic{changed: make(chan struct{})} }

func (l *topic) change(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
	close(l.changed)
	l.changed = make(chan struct{})
}

// write appends a value with the time of the topic's clock, under the name in it.
func (l *topic) write(value []byte) {
	var s struct{ Name string }
	_ = json.Unmarshal(value, &s) // what is no JSON has no name
	l.change(func() {
		l.records = append(l.records, stream.Record{Time: time.Now().Add(l.ahead).UnixMilli(), Key: []byte(s.Name), Value: value})
	})
}

func (l *topic) end() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.start + int64(len(l.records))
}

// Fetch hands over one record at a time.
func (l *topic) Fetch(ctx context.Context, offset int64, wait time.Duration) (stream.Batch, error) {
	waited := time.NewTimer(wait)
	defer waited.Stop()
	for {
		l.mu.Lock()
		end, changed, away, err := l.start+int64(len(l.records)), l.changed, l.away, l.broken
		b := stream.Batch{Next: offset, HighWatermark: end}
		switch {
		case err != nil || away:
		case offset < l.start || offset > end:
			err = &stream.OutOfRangeError{Offset: offset, Start: l.start, End: end}
		case offset < end:
			r := l.records[offset-l.start]
			r.Offset = offset
			b.Records, b.Next = []stream.Record{r}, offset+1
		}
		l.mu.Unlock()
		if err != nil || len(b.Records) > 0 {
			return b, err
		}
		expired := waited.C
		if away {
			expired = nil // it is waited out inside
		}
		select {
		case <-changed:
		case <-expired:
			return b, nil
		case <-ctx.Done():
			return b, ctx.Err()
		}
	}
}

// following is a roster that follows a topic in virtual time.
type following struct {
	roster.Roster
	log     bytes.Buffer
	metrics *prometheus.Registry
	ready   int
	ended   chan error
	stop    context.CancelFunc
}

// follow lets a roster follow a topic from an offset on, and waits until it has read all
// records.
func follow(t *testing.T, l *topic, offset, end int64) *following {
	t.Helper()
	return followWith(t, &following{}, l, offset, end)
}

// followWith does it with a roster that has been set up.
func followWith(t *testing.T, f *following, l *topic, offset, end int64) *following {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	f.ended, f.stop = make(chan error, 1), cancel
	f.metrics = prometheus.NewPedanticRegistry()
	over := passedover.New("serve", slog.New(slog.NewTextHandler(&f.log, nil)), f.metrics)
	go func() { f.ended <- f.Follow(ctx, l, offset, end, "servers", over, func() { f.ready++ }) }()
	t.Cleanup(cancel)
	synctest.Wait()
	return f
}

func serving(name string) []byte { return beat(name, "a", wire.StateServing).Encode() }

// heardAgo fails the test unless a server was last heard of so long ago.
func (f *following) heardAgo(t *testing.T, name string, want time.Duration) {
	t.Helper()
	if e, ok := f.Get(name); !ok || time.Since(e.Heard) != want {
		t.Errorf("%s was heard of %v ago (%v), want %v", name, time.Since(e.Heard), ok, want)
	}
}

// Heartbeats that were in the topic at the start are as old as their times say, and those
// that come later are new. Between the two ready is called, once.
func TestHistoryIsAsOldAsItSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTopic()
		l.write(serving("sub1"))
		<-time.After(20 * time.Second)
		l.write(serving("sub2"))
		<-time.After(2 * time.Second)
		end := l.end()
		l.away = true
		f := follow(t, l, 0, end)
		if f.ready != 0 {
			t.Error("ready before anything was read")
		}
		l.change(func() { l.away = false })
		synctest.Wait()
		f.heardAgo(t, "sub1", 22*time.Second)
		f.heardAgo(t, "sub2", 2*time.Second)
		if f.ready != 1 {
			t.Errorf("ready was called %d times", f.ready)
		}
		<-time.After(time.Second)
		l.write(serving("sub1"))
		synctest.Wait()
		f.heardAgo(t, "sub1", 0)
		if f.ready != 1 {
			t.Errorf("ready was called %d times", f.ready)
		}
		f.stop()
		if err := <-f.ended; err != nil {
			t.Errorf("Follow = %v", err)
		}
	})
}

func TestReadyAtOnceWhereNothingIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if f := follow(t, newTopic(), 0, 0); f.ready != 1 {
			t.Errorf("ready was called %d times", f.ready)
		}
	})
}

// Heartbeats whose times are ahead of our clock were not heard later than now.
func TestHistoryOfTheFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTopic()
		l.ahead = time.Hour
		l.write(serving("sub1"))
		f := follow(t, l, 0, 1)
		f.heardAgo(t, "sub1", 0)
	})
}

// Ready is called also if retention has removed the records that were asked for, and if the
// log is shorter than it was.
func TestOffsetsOutOfRange(t *testing.T) {
	for name, tt := range map[string]struct{ start, offset, end int64 }{
		"before the log":    {start: 100, offset: 7, end: 101},
		"beyond its end":    {start: 0, offset: 50, end: 60},
		"ahead of its end":  {start: 0, offset: 2, end: 60},
		"before all of it ": {start: 100, offset: 0, end: 100},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newTopic()
				l.start = tt.start
				l.write(serving("sub1"))
				f := follow(t, l, tt.offset, tt.end)
				f.heardAgo(t, "sub1", 0)
				<-time.After(time.Second)
				l.write(serving("sub2"))
				synctest.Wait()
				f.heardAgo(t, "sub2", 0)
				if f.ready != 1 {
					t.Errorf("ready was called %d times", f.ready)
				}
			})
		})
	}
}

// aimedAt returns a heartbeat that names a topic of its own choice.
func aimedAt(topic string) []byte {
	s := beat("sub1", "a", wire.StateServing)
	s.Topic = topic
	return s.Encode()
}

// A tombstone is passed over, and a record that is no heartbeat is passed over, counted
// and logged.
func TestBadRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTopic()
		bad := []string{
			"x", "null", "[]", "{}", `{"name":"sub0","url":"http://a","topic":"t","capacity":1}`, `{"name":"sub1","url":"","topic":"t","capacity":1}`,
			string(aimedAt("emoji-topic")), string(aimedAt("sub_2")), `{"name":"sub1","url":"http://a","topic":"t","capacity":0}`, `{"name":"sub1","url":"http://a","topic":"t","capacity":1,"clients":-1}`,
		}
		l.write(serving("sub1"))
		l.write(nil)
		for _, b := range bad {
			l.write([]byte(b))
		}
		l.write(serving("sub2"))
		f := follow(t, l, 0, l.end())
		if all := f.All(); len(all) != 2 || f.ready != 1 {
			t.Errorf("%d servers, ready %d times", len(all), f.ready)
		}
		if n := strings.Count(f.log.String(), "level=WARN"); n != 1 || !strings.Contains(f.log.String(), "topic=servers partition=0 offset=2 ") {
			t.Errorf("%d warnings within a second, want one:\n%s", n, f.log.String())
		}
		want := "# HELP emostream_serve_skipped_records_total Records that are not ours or cannot be read, and were passed over.\n" +
			"# TYPE emostream_serve_skipped_records_total counter\nemostream_serve_skipped_records_total " + strconv.Itoa(len(bad)) + "\n"
		if err := testutil.GatherAndCompare(f.metrics, strings.NewReader(want), "emostream_serve_skipped_records_total"); err != nil {
			t.Error(err)
		}
	})
}

// Heartbeats that came in while the broker could not be reached do not make a dead server
// alive.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTopic()
		f := follow(t, l, 0, 0)
		l.write(serving("sub1"))
		synctest.Wait()
		l.change(func() { l.away = true })
		<-time.After(time.Second)
		l.write(serving("sub1")) // its last one
		<-time.After(19 * time.Second)
		l.write(serving("sub2"))
		<-time.After(time.Second)
		l.change(func() { l.away = false })
		synctest.Wait()
		f.heardAgo(t, "sub1", 20*time.Second)
		if e, _ := f.Get("sub2"); !e.Alive(time.Now()) {
			t.Errorf("sub2 was heard of %v ago and is not alive", time.Since(e.Heard))
		}
	})
}

func TestFollowFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTopic()
		f := follow(t, l, 0, 0)
		broken := errors.New("not authorized")
		l.change(func() { l.broken = broken })
		if err := <-f.ended; !errors.Is(err, broken) || !strings.Contains(err.Error(), "follow the servers") {
			t.Errorf("Follow = %v", err)
		}
	})
}
