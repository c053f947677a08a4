package publisher_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/publisher"
)

// sparkJob counts a steady crowd as a Spark job in append mode does: in batches, each of
// which writes all windows that the watermark has closed, in any order and without
// headers.
type sparkJob struct {
	t       *testing.T
	rng     *rand.Rand
	merger  *publisher.Merger
	log     []stream.Record
	now     int64
	windows int // how many windows the crowd sends in, the first one after 20 s
	next    int // the window that is written next
	silent  map[string]int64
	shown   int // windows with counts that were sent, by channel
}

const (
	crowdBegins    = int64(20_000)
	watermarkDelay = int64(10_000)
)

// batch writes the windows that are closed at now.
func (j *sparkJob) batch() {
	var ends []int64
	for ; j.next < j.windows; j.next++ {
		end := crowdBegins + 2000*int64(j.next+1)
		if end+watermarkDelay > j.now {
			break
		}
		ends = append(ends, end)
	}
	j.rng.Shuffle(len(ends), func(i, k int) { ends[i], ends[k] = ends[k], ends[i] })
	for _, end := range ends {
		for _, channel := range []string{"main", "a"} {
			for _, emoji := range []string{"🔥", "😂"} {
				r := count(end, channel, emoji, 3)
				r.Offset, r.Time = int64(len(j.log)), j.now
				j.log = append(j.log, r)
			}
		}
		j.wait(j.rng.Int64N(100))
	}
}

// wait lets time pass, and the merger read and send meanwhile.
func (j *sparkJob) wait(ms int64) {
	for until := j.now + ms; j.now < until; j.now += min(250, until-j.now) {
		for _, r := range j.log[j.merger.Position():] {
			if err := j.merger.Add(r, j.now); err != nil {
				j.t.Fatal(err)
			}
		}
		readToEnd(j.merger)
		e, _ := j.merger.Due(j.now)
		for _, s := range e.Swarms {
			if s.Total > 0 {
				j.shown++
			} else if _, twice := j.silent[s.Channel]; twice {
				j.t.Errorf("%s is called silent twice", s.Channel)
			} else {
				j.silent[s.Channel] = j.now
			}
		}
		j.merger.Confirm(e)
	}
}

// A channel is not called silent while a Spark job is between two batches: not from the
// first batch on, and not after a restart. When the crowd has fallen silent, it is.
func TestNoSilenceBetweenBatches(t *testing.T) {
	for name, pauses := range map[string][]int64{
		"every 2 s":          {2000},
		"every 5 s":          {5000},
		"every 10 s":         {10_000},
		"every 30 s":         {30_000},
		"in turn 5 and 10 s": {5000, 10_000},
		"a slow one":         {2000, 2000, 2000, 2000, 2000, 2000, 9000},
		"a very slow one":    {2000, 2000, 2000, 2000, 2000, 2000, 2000, 2000, 25_000},
	} {
		// A window and twice the longest pause, or else the least patience; then the delay
		// of an empty swarm. A batch takes up to a second longer than planned here.
		silentAfter := max(2000+2*(slices.Max(pauses)+1000), 30_000) + 1000
		for seed := range uint64(4) {
			t.Run(fmt.Sprintf("%s, seed %d", name, seed), func(t *testing.T) {
				j := &sparkJob{t: t, rng: rand.New(rand.NewPCG(seed, 1)), merger: newMerger(t, publisher.Config{}), windows: 45, now: crowdBegins + int64(seed*100), silent: map[string]int64{}}
				for i := 0; j.next < j.windows; i++ {
					began := j.now
					j.batch()
					if seed%2 == 1 && j.rng.IntN(4) == 0 {
						j.restart()
					}
					j.wait(began + pauses[i%len(pauses)] - j.now + j.rng.Int64N(500))
				}
				if len(j.silent) > 0 {
					t.Errorf("of a steady crowd, %v are called silent", j.silent)
				}
				if j.shown < 2*j.windows {
					t.Errorf("%d windows were shown, want %d in each channel", j.shown, j.windows)
				}
				ended := j.now
				j.wait(120_000)
				for _, channel := range []string{"main", "a"} {
					at, ok := j.silent[channel]
					if !ok || at-ended > silentAfter {
						t.Errorf("%s is called silent %d ms after the last pause, want %d at most: %v", channel, at-ended, silentAfter, ok)
					}
				}
			})
		}
	}
}

func (j *sparkJob) restart() {
	m, err := publisher.NewMerger(publisher.Config{}, j.merger.Commit(), 0)
	if err != nil {
		j.t.Fatal(err)
	}
	j.merger = m
}

// A pause is no longer waited for when it was long ago. A silence of the crowd is none.
func TestMergerForgetsPauses(t *testing.T) {
	write := func(m *publisher.Merger, at, end int64) {
		r := count(end, "main", "🔥", 1)
		r.Time = at
		read(t, m, at, r)
		confirm(m, at+300)
	}
	silentAfter := func(m *publisher.Merger) (ms int64) {
		at, _ := m.NextDue(0)
		confirm(m, at)
		return at
	}
	m := newMerger(t, publisher.Config{})
	write(m, 20_000, 18_000)
	write(m, 40_000, 20_000) // 20 s after the one before
	write(m, 42_000, 22_000)
	if at := silentAfter(m); at != 42_000+40_000+2000+1000 {
		t.Errorf("called silent at %d, want twice 20 s, a window and a second after the last window", at)
	}
	write(m, 100_000, 80_000) // a minute later the crowd is back
	write(m, 102_000, 82_000)
	if at := silentAfter(m); at != 102_000+40_000+2000+1000 {
		t.Errorf("called silent at %d, want it as before: nothing was to be counted meanwhile", at)
	}
	for at := int64(200_000); at <= 1_000_000; at += 2000 {
		write(m, at, at-20_000)
	}
	if at := silentAfter(m); at != 1_000_000+30_000+1000 {
		t.Errorf("called silent at %d, want the least patience and a second after the last window", at)
	}
}

// A program that writes each long window some time after its end has pauses longer than
// the horizon.
func TestNoSilenceBetweenLongWindows(t *testing.T) {
	for _, length := range []time.Duration{30 * time.Second, 90 * time.Second, 5 * time.Minute, time.Hour} {
		m, ms := newMerger(t, publisher.Config{}), length.Milliseconds()
		for i := int64(1); i <= 6; i++ {
			value, err := json.Marshal(wire.Count{Window: wire.Window{Start: (i - 1) * ms, End: i * ms}, Emoji: "🔥", Count: 1})
			if err != nil {
				t.Fatal(err)
			}
			written := i*ms + 20_000
			if at, ok := m.NextDue(0); ok && at < written {
				t.Errorf("windows of %v: called silent at %d, and the next window is written at %d", length, at, written)
			}
			read(t, m, written, stream.Record{Value: value})
			confirm(m, written+300)
		}
		if at, _ := m.NextDue(0); at > 6*ms+20_000+max(120_000, 2*ms)+1000 {
			t.Errorf("windows of %v: called silent at %d, long after the last one", length, at)
		}
	}
}

// The time of another program's record may be any. It says nothing of pauses where it
// cannot be, and else makes the patience no longer than the horizon.
func TestNoSilenceAfterForeignTimes(t *testing.T) {
	const began = int64(1_000_000_000)
	for name, tt := range map[string]struct{ time, silentAt int64 }{
		"before all times": {-6_900_000_000_000_000_000, began + 46_000 + 31_000},
		"after all times":  {math.MaxInt64, began + 46_000 + 31_000},
		"none":             {-1, began + 46_000 + 31_000},
		"an hour ahead":    {began + 3_600_000, began + 46_000 + 31_000},
		"long ago":         {1, began + 46_000 + 121_000},
	} {
		m := newMerger(t, publisher.Config{})
		for i := range int64(5) {
			at, r := began+34_000+3000*i, count(began+20_000+2000*i, "main", "🔥", 1)
			if i == 2 {
				r.Time = tt.time
			}
			read(t, m, at, r)
			confirm(m, at+300)
		}
		if at, _ := m.NextDue(0); at != tt.silentAt {
			t.Errorf("%s: called silent at %d, want at %d", name, at, tt.silentAt)
		}
	}
}

// What is not known yet is waited for, up to the horizon.
func TestMergerWaitsForAnUnknownJob(t *testing.T) {
	m := newMerger(t, publisher.Config{Horizon: 50 * time.Second})
	read(t, m, 20_000, count(12_000, "main", "🔥", 1), count(14_000, "main", "🔥", 1)) // in one batch
	sent(t, m, 20_300, "12000 main 1: 🔥1", "14000 main 1: 🔥1")
	sent(t, m, 70_999)
	sent(t, m, 71_000, "16000 main 0:")
}

// Our own aggregator's silences are told at once, also where a Spark job counted before,
// and say nothing of the pauses of a job that takes over.
func TestOurOwnSilences(t *testing.T) {
	m := newMerger(t, publisher.Config{})
	read(t, m, 20_000, count(18_000, "main", "🔥", 1))
	confirm(m, 20_300)
	read(t, m, 20_100, count(20_000, "main", "🔥", 1, "complete=1"))
	read(t, m, 22_100, count(22_000, "main", "🔥", 1, "complete=1"))
	sent(t, m, 24_999, "20000 main 1: 🔥1", "22000 main 1: 🔥1")
	sent(t, m, 25_000, "24000 main 0:")

	read(t, m, 26_100, count(26_000, "main", "🔥", 1, "complete=1"))
	read(t, m, 38_000, count(28_000, "main", "🔥", 1))
	sent(t, m, 38_300, "26000 main 1: 🔥1", "28000 main 1: 🔥1")
	sent(t, m, 38_000+120_999)
	sent(t, m, 38_000+121_000, "30000 main 0:")
}
