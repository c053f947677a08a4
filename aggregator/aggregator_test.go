package aggregator_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/emostream/emostream/aggregator"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

func TestAggregatorCountsAWindowWhenItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t)
		stop := p.start(t) // partition 1 stays empty, and delays nothing
		until(500)
		p.react(t, 0, 400, "🔥")
		until(1900)
		p.react(t, 0, 1850, "😂")
		p.react(t, 0, 450, "🔥")
		until(2150)
		p.react(t, 0, 1999, "🔥") // recorded in time, but appended after the window was counted
		until(5000)
		p.react(t, 1, 4900, "👍")
		until(9000)
		want := []string{"at 2100: 2000 🔥2", "at 2100: 2000 😂1", "at 2200: 2000 🔥3", "at 2200: 2000 😂1", "at 6100: 6000 👍1"}
		if diff := cmp.Diff(want, p.countsWritten(t)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		partials := 0
		for _, r := range p.partials.records(0) {
			if said, err := wire.DecodeProgress(r.Value); err == nil && said.Partial != nil {
				partials++
			}
		}
		if partials != 3 {
			t.Errorf("%d partials were written, want those of the three emissions", partials)
		}
		stop()
	})
}

// A partition that nobody counts delays a window by half a second and no more.
func TestAggregatorDoesNotWaitForEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = p.Combine(ctx, p.reactions.claim(0)) })
		wg.Go(func() { _ = p.Reduce(ctx, p.partials.claim(0)) })
		p.react(t, 0, 400, "🔥")
		until(4000)
		if diff := cmp.Diff([]string{"at 2500: 2000 🔥1"}, p.countsWritten(t)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		cancel()
		wg.Wait()
	})
}

func TestAggregatorGoesOnFromItsCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t)
		p.reactions.partitions = p.reactions.partitions[:1] // the fake topic keeps the commits of one partition only
		for i := range int64(30) {
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			wg.Go(func() { _ = p.Combine(ctx, p.reactions.claim(0)) })
			wg.Go(func() { _ = p.Reduce(ctx, p.partials.claim(0)) })
			p.react(t, 0, i*1000+500, "🔥")
			p.react(t, 0, i*1000, "🔥")
			until(i*1000 + 730)
			cancel()
			wg.Wait()
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		claim := p.reactions.claim(0)
		if claim.Committed.Offset < 30 {
			t.Errorf("committed %d of 60, want at least what is closed", claim.Committed.Offset)
		}
		go func() { _ = p.Reduce(ctx, p.partials.claim(0)) }()
		_ = p.Combine(ctx, claim)
		synctest.Wait()
		counts := map[int64]int64{}
		for _, r := range p.counts.records(0) {
			c := decodeCount(t, r)
			counts[c.Window.End-zero] = max(counts[c.Window.End-zero], c.Count)
		}
		for end := int64(2000); end <= 30000; end += 2000 {
			if counts[end] != 4 {
				t.Errorf("the window that ends at %d has %d reactions, want 4", end, counts[end])
			}
		}
	})
}

func TestCombineFails(t *testing.T) {
	broken := errors.New("no such topic")
	for name, tt := range map[string]struct {
		spoil func(pipeline)
		is    error
		says  string
	}{
		"when partials cannot be written":     {func(p pipeline) { p.partials.fault = broken }, broken, "combine partition 0"},
		"when the claim has passed on":        {func(p pipeline) { p.reactions.fault = stream.ErrFenced }, stream.ErrFenced, "combine partition 0"},
		"when records are gone":               {func(p pipeline) { p.reactions.start = 1 }, nil, "nothing was committed yet and the log starts at 1"},
		"when the log ends before its commit": {func(p pipeline) { p.reactions.commits = []stream.Commit{{Offset: 2}} }, nil, "Reactions may not be counted"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPipeline(t)
				p.react(t, 0, 0, "🔥")
				tt.spoil(p)
				err := p.Combine(t.Context(), p.reactions.claim(0))
				if err == nil || !errors.Is(err, tt.is) && tt.is != nil || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("Combine = %v, want %q", err, tt.says)
				}
			})
		})
	}
}

func TestCombineStopsWhenRetentionOvertakesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t)
		claim := p.reactions.claim(0)
		p.react(t, 0, 0, "🔥")
		p.reactions.start = 1
		_, isCommit := errors.AsType[*aggregator.CommitError](p.Combine(t.Context(), claim))
		if !isCommit {
			t.Error("want a CommitError")
		}
	})
}

// replaced is a log that another one has taken the place of.
type replaced struct{ lost *stream.OutOfRangeError }

func (r replaced) Fetch(context.Context, int64, time.Duration) (stream.Batch, error) {
	return stream.Batch{}, r.lost
}

// Combine and Reduce end when the topic is made anew, or the log loses its end, but not
// with an error that asks for --reset-lost: whoever claims the partition again decides
// where to begin.
func TestTheEndOfALogThatIsReplaced(t *testing.T) {
	for name, lost := range map[string]*stream.OutOfRangeError{
		"made anew":             {Topic: "topic", Offset: 5, End: 2, Anew: true},
		"made anew, and longer": {Topic: "topic", Offset: 5, End: 9, Anew: true},
		"made anew, trimmed":    {Topic: "topic", Offset: 5, Start: 7, End: 9, Anew: true},
		"shorter":               {Topic: "topic", Offset: 5, End: 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPipeline(t)
				for role, work := range map[string]func(context.Context, stream.Claim) error{"Combine": p.Combine, "Reduce": p.Reduce} {
					claim := p.reactions.claim(0)
					claim.Log = replaced{lost}
					err := work(t.Context(), claim)
					if got, ok := errors.AsType[*stream.OutOfRangeError](err); !ok || got != lost || !got.Replaced() {
						t.Errorf("%s = %v, want the log's error", role, err)
					}
				}
			})
		})
	}
}

func TestReduceStopsWhenRetentionOvertakesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t)
		claim := p.partials.claim(0)
		writePartials(t, p, partial(0, zero-2000, "main", 0, 1, "🔥", 1))
		p.partials.start = 1
		if _, ok := errors.AsType[*aggregator.PartialsError](p.Reduce(t.Context(), claim)); !ok {
			t.Error("want a PartialsError")
		}
	})
}

func TestReduceFails(t *testing.T) {
	broken := errors.New("no such topic")
	for name, tt := range map[string]struct {
		spoil func(pipeline)
		is    error
	}{
		"when counts cannot be written": {func(p pipeline) { p.counts.fault = broken }, broken},
		"when the claim has passed on":  {func(p pipeline) { p.partials.fault = stream.ErrFenced }, stream.ErrFenced},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPipeline(t)
				writePartials(t, p, partial(0, zero-2000, "main", 0, 1, "🔥", 1))
				tt.spoil(p)
				if err := p.Reduce(t.Context(), p.partials.claim(0)); !errors.Is(err, tt.is) || !strings.Contains(err.Error(), "reduce partition 0") {
					t.Errorf("Reduce = %v, want %v", err, tt.is)
				}
			})
		})
	}
}

func TestReduceSpreadsWindowsOverThePartitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t)
		p.counts = newTopic(3)
		a, err := aggregator.New(aggregator.Config{Counts: p.counts, CountPartitions: 3})
		if err != nil {
			t.Fatal(err)
		}
		for i := range int64(6) {
			writePartials(t, p, partial(0, zero-2000*i, "main", 2*i, 2*i+2, "🔥", 1, "😂", 1))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_ = a.Reduce(ctx, p.partials.claim(0))
		records := 0
		for partition := range 3 {
			for i, r := range p.counts.records(partition) {
				records++
				if want := wire.PartitionOf(string(r.Key), 3); partition != want || len(r.Headers) != i%2 {
					t.Errorf("record %d of partition %d has the key %s and %d headers, want a window's together in partition %d", i, partition, r.Key, len(r.Headers), want)
				}
			}
		}
		if records != 12 {
			t.Errorf("%d records, want 12", records)
		}
	})
}

func writePartials(t *testing.T, p pipeline, records ...wire.Progress) {
	t.Helper()
	for _, r := range records {
		if err := p.partials.Write(t.Context(), 0, []stream.Record{{Value: r.Encode()}}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReduceGoesOnWhereTheLogBegins(t *testing.T) {
	for name, tt := range map[string]struct {
		commit stream.Commit
		start  int64 // of the log at the claim; when it is read the start is 1
	}{
		"emitted partials are gone": {stream.Commit{Offset: 0, Metadata: `{"v":1,"floor":0,"reduced":1,` + settings}, 1},
		"the group was reset":       {stream.Commit{Offset: 2}, 1},
		"the log was made anew":     {stream.Commit{Offset: 9, Metadata: `{"v":1,"floor":0,` + settings}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPipeline(t)
				writePartials(t, p, partial(0, zero-4000, "main", 0, 1, "😂", 1), partial(0, zero-2000, "main", 1, 2, "🔥", 1))
				claim := p.partials.claim(0)
				claim.Start, claim.Committed, p.partials.start = tt.start, tt.commit, 1
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if err := p.Reduce(ctx, claim); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Reduce = %v, want it to go on until it is told to stop", err)
				}
				if diff := cmp.Diff([]string{"at 0: -2000 🔥1"}, p.countsWritten(t)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

// A reducer ends at what it would miscount, and names topic, partition and offset. It
// passes over everything else that is none of ours.
func TestReduceStops(t *testing.T) {
	forged := func(spoil func(*wire.Mark)) stream.Record {
		m := mark(0, zero+100_000, zero+100_000) // as if all windows were closed
		spoil(m.Mark)
		return stream.Record{Value: m.Encode()}
	}
	other, newer := forged(func(m *wire.Mark) { m.WindowMS = 500 }), forged(func(m *wire.Mark) { m.Version = 2 })
	topics, reducers := forged(func(m *wire.Mark) { m.Partitions = 7 }), forged(func(m *wire.Mark) { m.Reducers = 7 })
	impossible := forged(func(m *wire.Mark) { m.Partition = 9 })
	for name, tt := range map[string]struct {
		records   []stream.Record
		skipNewer bool
		skipMarks bool
		stops     string // in the error; empty: it goes on
		offset    int64  // of the mark at which it stops
	}{
		"other settings":                {[]stream.Record{{}, other}, true, false, "emoji-partials/0 was counted with window 500ms", 1},
		"other settings, with the flag": {[]stream.Record{other}, false, true, "", 0},
		"another number of partitions":  {[]stream.Record{topics}, true, false, "emoji-partials/0 at offset 0: emoji-topic/0 was counted for 7 partitions of emoji-topic and there are 2", 0},
		"that, with the flag":           {[]stream.Record{topics}, false, true, "", 0},
		"another number of reducers":    {[]stream.Record{{}, {}, reducers}, true, false, "7 partitions of emoji-partials and there are 1", 2},
		"another number, with the flag": {[]stream.Record{reducers}, false, true, "", 0},
		"a newer format":                {[]stream.Record{{Value: []byte("x")}, newer}, false, true, "emoji-partials/0 at offset 1: format version 2", -1},
		"a newer format, with the flag": {[]stream.Record{newer}, true, false, "", 0},
		"what is none of ours":          {[]stream.Record{{}, {Value: []byte("hello")}, {Value: []byte("{}")}, impossible}, false, false, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPipeline(t)
				reg := prometheus.NewRegistry()
				a, err := aggregator.New(aggregator.Config{
					Counts: p.counts, CountPartitions: 1, ReactionPartitions: 2,
					SkipNewer: tt.skipNewer, SkipOtherMarks: tt.skipMarks, Metrics: reg,
				})
				if err != nil {
					t.Fatal(err)
				}
				if err := p.partials.Write(t.Context(), 0, tt.records); err != nil {
					t.Fatal(err)
				}
				writePartials(t, p, partial(0, zero-2000, "main", 0, 1, "🔥", 1))
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				err = a.Reduce(ctx, p.partials.claim(0))
				if tt.stops != "" {
					if errors.Is(err, context.DeadlineExceeded) || err == nil || !strings.Contains(err.Error(), tt.stops) {
						t.Errorf("Reduce = %v, want it to stop with %q", err, tt.stops)
					}
					if e, ok := errors.AsType[*aggregator.OtherMarkError](err); ok != (tt.offset >= 0) || ok && e.Offset != tt.offset {
						t.Errorf("Reduce = %v, want it to tell the offset %d", err, tt.offset)
					}
					return
				}
				if diff := cmp.Diff([]string{"at 0: -2000 🔥1"}, p.countsWritten(t)); diff != "" || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Reduce = %v, want it to go on; counted (-want +got):\n%s", err, diff)
				}
				const skipped = "emostream_aggregate_skipped_records_total"
				want := fmt.Sprintf("# HELP %[1]s Records that are not ours or cannot be read, and were passed over.\n# TYPE %[1]s counter\n%[1]s %[2]d\n", skipped, len(tt.records))
				if err := testutil.GatherAndCompare(reg, strings.NewReader(want), skipped); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestAggregatorMeasures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t)
		stop := p.start(t)
		for _, r := range []stream.Record{
			{Time: zero + 20_000, Value: value("🔥")}, {Time: zero + 20_000, Value: value("🔥")}, {Time: zero, Value: value("🔥")}, {Time: zero, Value: []byte("junk")},
		} {
			if err := p.reactions.Write(t.Context(), 1, []stream.Record{r}); err != nil {
				t.Fatal(err)
			}
		}
		until(30_000)
		if n, err := testutil.GatherAndCount(p.metrics, "emostream_aggregate_lag_records", "emostream_aggregate_open_windows"); n != 4 || err != nil {
			t.Errorf("%d gauges, %v, want how far behind three partitions are, and one's open windows", n, err)
		}
		stop()
		if n, err := testutil.GatherAndCount(p.metrics, "emostream_aggregate_lag_records", "emostream_aggregate_open_windows"); n != 0 || err != nil {
			t.Errorf("%d gauges of partitions that another copy may have by now, %v", n, err)
		}
		families, err := p.metrics.Gather()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, f := range families {
			if c := f.GetMetric()[0].GetCounter(); c != nil {
				got[strings.TrimPrefix(f.GetName(), "emostream_aggregate_")] = c.GetValue()
			}
		}
		want := map[string]float64{
			"records_read_total": 4, "late_records_total": 1, "skipped_records_total": 1,
			"late_partials_total": 0, "windows_total": 2, "revisions_total": 0,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
