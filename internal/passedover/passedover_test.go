package passedover_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/emostream/emostream/internal/passedover"
	"github.com/emostream/emostream/internal/stream"
)

// reporter is a reporter whose log and metrics the test reads.
type reporter struct {
	*passedover.Reporter
	log     bytes.Buffer
	metrics *prometheus.Registry
}

func newReporter() *reporter {
	r := &reporter{metrics: prometheus.NewPedanticRegistry()}
	r.Reporter = passedover.New("aggregate", slog.New(slog.NewTextHandler(&r.log, nil)), r.metrics)
	return r
}

func (r *reporter) counted(t *testing.T, want float64) {
	t.Helper()
	families, err := r.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "emostream_aggregate_skipped_records_total" && f.GetMetric()[0].GetCounter().GetValue() == want {
			return
		}
	}
	t.Errorf("%v, want %v records counted", families, want)
}

// lines returns what the log says, without the times, and empties it.
func (r *reporter) lines() []string {
	var lines []string
	for line := range strings.Lines(r.log.String()) {
		_, line, _ = strings.Cut(line, ` msg="records were passed over" `)
		lines = append(lines, strings.TrimSpace(line))
	}
	r.log.Reset()
	return lines
}

func (r *reporter) logged(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, r.lines()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

func TestEachRecordIsCountedAndOneLineASecondIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, foreign := newReporter(), errors.New("not a reaction")
		for offset := range int64(1000) {
			r.Record("emoji-topic", 2, offset, foreign)
		}
		<-time.After(time.Second - time.Nanosecond)
		r.Record("emoji-topic", 2, 1000, foreign)
		r.Batch("emoji-topic", 2, stream.Batch{Next: 1001})
		r.counted(t, 1001)
		r.logged(t, `records=1 topic=emoji-topic partition=2 offset=0 error="not a reaction"`)
		<-time.After(time.Nanosecond)
		r.Batch("emoji-partials", 0, stream.Batch{Skipped: []stream.Skipped{{From: 7, To: 17, Reason: errors.New(strings.Repeat("x", 10_000))}}})
		r.counted(t, 1011)
		r.logged(t, "records=10 topic=emoji-partials partition=0 offset=7 error="+strings.Repeat("x", 300),
			`records=1000 topic=emoji-topic partition=2 offset=1000 error="not a reaction"`)
	})
}

// A bad record is told of even if no other one follows it, whatever is told of another
// topic in the same second.
func TestWhatIsHeldBackIsLoggedWhenTheSecondIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, foreign, nothing := newReporter(), errors.New("not ours"), stream.Batch{}
		r.Record("emoji-topic", 0, 5, foreign)
		r.Record("emoji-partials", 1, 6, foreign)
		r.Record("emoji-topic", 3, 7, foreign)
		r.logged(t, `records=1 topic=emoji-topic partition=0 offset=5 error="not ours"`, `records=1 topic=emoji-partials partition=1 offset=6 error="not ours"`)
		<-time.After(time.Second)
		r.Batch("emoji-counts", 0, nothing) // any reader's fetch will do
		r.logged(t, `records=1 topic=emoji-topic partition=3 offset=7 error="not ours"`)
		for range 3 {
			<-time.After(time.Second)
			r.Batch("emoji-topic", 0, nothing)
		}
		r.logged(t)
	})
}

// Several stages of one process read the heartbeats. What all of them pass over is told of
// once, and after a while by whoever still reads.
func TestReadersThatShareALogTellOfARecordOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReporter()
		log := passedover.NewLog(slog.New(slog.NewTextHandler(&r.log, nil)))
		var readers []*passedover.Reporter
		for range 8 {
			readers = append(readers, log.Reporter("serve", nil))
		}
		read := func(offset int64, b stream.Batch) {
			for _, reader := range readers {
				reader.Record("emostream-servers", 0, offset, errors.New("no heartbeat"))
				reader.Batch("emostream-servers", 0, b)
			}
		}
		read(3, stream.Batch{})
		read(4, stream.Batch{Skipped: []stream.Skipped{{From: 5, To: 8, Reason: errors.New("broken")}}})
		r.logged(t, `records=1 topic=emostream-servers partition=0 offset=3 error="no heartbeat"`)
		<-time.After(time.Second)
		readers[0].Batch("emostream-servers", 0, stream.Batch{})
		r.logged(t, `records=4 topic=emostream-servers partition=0 offset=5 error=broken`)
		<-time.After(time.Second)
		readers[0].Batch("emostream-servers", 0, stream.Batch{})
		readers = readers[1:]
		read(8, stream.Batch{})
		r.logged(t, `records=1 topic=emostream-servers partition=0 offset=8 error="no heartbeat"`)
	})
}

func TestAnOpenTransactionIsToldOfWhenItLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReporter()
		blocked := stream.Batch{Next: 100, HighWatermark: 150, Unstable: 50}
		behind := func(want int) {
			t.Helper()
			text := "# HELP emostream_aggregate_blocked_records Records that cannot be read, because a transaction before them has been open for 10 s.\n" +
				fmt.Sprintf("# TYPE emostream_aggregate_blocked_records gauge\nemostream_aggregate_blocked_records %d\n", want)
			if err := testutil.GatherAndCompare(r.metrics, strings.NewReader(text), "emostream_aggregate_blocked_records"); err != nil {
				t.Error(err)
			}
		}
		r.Batch("emoji-topic", 1, blocked)
		<-time.After(10*time.Second - time.Nanosecond)
		r.Batch("emoji-topic", 1, blocked)
		behind(0)
		<-time.After(time.Nanosecond)
		r.Batch("emoji-topic", 1, blocked)
		behind(50)
		r.Batch("emoji-topic", 1, blocked)
		behind(50)
		if n := strings.Count(r.log.String(), "\n"); n != 1 || !strings.Contains(r.log.String(), "topic=emoji-topic partition=1 offset=100 records=50 ") {
			t.Errorf("the log says %d times:\n%s", n, r.log.String())
		}
		<-time.After(time.Minute)
		r.Batch("emoji-topic", 1, blocked)
		if n := strings.Count(r.log.String(), "\n"); n != 2 {
			t.Errorf("the log says it %d times after a minute, want 2", n)
		}
		r.Batch("emoji-topic", 1, stream.Batch{Next: 120, HighWatermark: 150, Unstable: 30}) // another one, behind it
		behind(0)
		r.Batch("emoji-topic", 1, stream.Batch{Next: 150, HighWatermark: 150})
		r.Batch("emoji-topic", 1, blocked)
		behind(0)
		<-time.After(10 * time.Second)
		r.Batch("emoji-topic", 1, blocked)
		behind(50)
		r.Forget("emoji-topic", 1)
		behind(0)
	})
}

func TestNoReporterReportsNothing(*testing.T) {
	var r *passedover.Reporter
	r.Record("emoji-topic", 0, 0, errors.New("not a reaction"))
	r.Batch("emoji-topic", 0, stream.Batch{Skipped: []stream.Skipped{{To: 1}}})
	r.Forget("emoji-topic", 0)
}
