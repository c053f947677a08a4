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

func TestEachRecordIsCountedAndOneASecondIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReporter()
		for offset := range int64(1000) {
			r.Record("emoji-topic", 2, offset, errors.New("not a reaction"))
		}
		<-time.After(time.Second - time.Nanosecond)
		r.Record("emoji-topic", 2, 1000, errors.New("not a reaction"))
		r.counted(t, 1001)
		if n := strings.Count(r.log.String(), "\n"); n != 1 || !strings.Contains(r.log.String(), `msg="records were passed over" records=1 topic=emoji-topic partition=2 offset=0 error="not a reaction"`) {
			t.Errorf("%d lines within a second, want one of the first:\n%s", n, r.log.String())
		}
		r.log.Reset()
		<-time.After(time.Nanosecond)
		r.Batch("emoji-partials", 0, stream.Batch{Skipped: []stream.Skipped{{From: 7, To: 17, Reason: errors.New(strings.Repeat("x", 10_000))}}})
		r.counted(t, 1011)
		line := r.log.String()
		if !strings.Contains(line, "records=1010 topic=emoji-partials partition=0 offset=7 ") || len(line) > 600 {
			t.Errorf("after a second the log says %q, want all that were not logged, and a short reason", line)
		}
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
