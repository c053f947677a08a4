package aggregator_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/emostream/emostream/aggregator"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/windowing"
)

// stragglers is a combiner whose windows each have a last record that is read some time
// after the window's end.
type stragglers struct {
	t      *testing.T
	c      *aggregator.Combiner
	offset int64
	end    int64 // of the window that is next
}

func newStragglers(t *testing.T) *stragglers {
	t.Helper()
	s := &stragglers{t: t, c: newCombiner(t, 1), end: 2000}
	s.fetch(0, true)
	return s
}

// read makes the combiner read a record of time at, at now, in a batch that reaches the
// partition's end or not.
func (s *stragglers) read(at, now int64, atEnd bool) {
	s.t.Helper()
	if err := s.c.Add(stream.Record{Offset: s.offset, Time: at, Value: value("🔥")}, now); err != nil {
		s.t.Fatal(err)
	}
	s.offset++
	s.fetch(now, atEnd)
}

func (s *stragglers) fetch(now int64, atEnd bool) { s.c.Advance(fetched(s.offset, atEnd, now)) }

// windows lets a window go by for each of needs: how long after the window's end its last
// record is read.
func (s *stragglers) windows(needs ...int64) {
	s.t.Helper()
	for _, need := range needs {
		s.read(s.end-1000, s.end-999, true)
		s.fetch(s.end+need-1, true)
		s.read(s.end-1, s.end+need, true)
		s.fetch(s.end+1000, true)
		s.end += 2000
	}
}

// grace returns how long after its end the next window is sent.
func (s *stragglers) grace() int64 {
	s.t.Helper()
	s.fetch(s.end-1000, true)
	at, ok := s.c.NextDue(s.end)
	if !ok {
		s.t.Fatal("nothing is due")
	}
	return at - s.end
}

// list returns n times ms.
func list(n int, ms int64) []int64 { return slices.Repeat([]int64{ms}, n) }

func TestGraceFollowsWhatWindowsNeed(t *testing.T) {
	for name, tt := range map[string]struct {
		needs []int64
		want  int64
	}{
		"nothing is known":                                  {nil, 100},
		"nine windows are too few":                          {list(9, 20), 100},
		"ten are enough":                                    {list(10, 20), 25},
		"it is never less than the least":                   {list(10, 0), 10},
		"records of the future need nothing":                {list(10, -1), 10},
		"the need of the least":                             {list(10, 8), 10},
		"one above it":                                      {list(10, 9), 11},
		"it is never more than the most":                    {list(10, 80), 100},
		"a record that comes much later":                    {list(10, 5000), 100},
		"the greatest need does not count":                  {append(list(9, 20), 90), 25},
		"the second greatest does":                          {append([]int64{90, 60}, list(8, 20)...), 75},
		"what is longer ago than the last sixty":            {append(list(2, 70), list(59, 8)...), 10},
		"what is one of the last sixty, and one more":       {append(list(2, 70), list(58, 8)...), 87},
		"one revision raises the margin, to 7 quarters":     {append(list(10, 20), 30), 35},
		"two revisions raise it twice, and 40 is the need":  {append(list(10, 20), 40, 40), 90},
		"59 windows without a revision keep the margin":     {append(append(list(10, 20), 30), list(59, 20)...), 35},
		"60 windows without one lower it":                   {append(append(list(10, 20), 30), list(60, 20)...), 30},
		"and 120 bring it back to where it was":             {append(append(list(10, 20), 30), list(120, 20)...), 25},
		"a pause of the broker for one window does nothing": {append(list(10, 8), 3000), 14},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStragglers(t)
			s.windows(tt.needs...)
			if got := s.grace(); got != tt.want {
				t.Errorf("the grace is %d ms, want %d", got, tt.want)
			}
		})
	}
}

// What is read in a backlog has waited for other reasons than the way into the log.
func TestGraceLearnsNothingFromABacklog(t *testing.T) {
	s := newStragglers(t)
	s.windows(list(10, 8)...)
	for range 30 {
		s.fetch(s.end, false)
		s.read(s.end-1000, s.end+90, false)
		s.read(s.end-999, s.end+91, true) // the end is reached, after a wait
		s.end += 2000
	}
	if got := s.grace(); got != 10 {
		t.Errorf("the grace is %d ms, want 10", got)
	}
}

// Windows in which nobody reacted say nothing.
func TestGraceIsKeptWhileNobodyReacts(t *testing.T) {
	s := newStragglers(t)
	s.windows(list(10, 40)...)
	for range 100 {
		s.fetch(s.end, true)
		s.end += 2000
	}
	if got := s.grace(); got != 50 {
		t.Errorf("the grace is %d ms, want 50", got)
	}
}

// Short windows are measured several at a time, and times far ahead of the clock are not
// remembered for ever.
func TestGraceOfShortWindows(t *testing.T) {
	windows, err := windowing.New(windowing.MinWindow, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	cfg := aggregator.CombinerConfig{Windows: windows, Grace: 100 * time.Millisecond, Partitions: 1, Reducers: 1}
	c, err := aggregator.NewCombiner(cfg, stream.Commit{Offset: stream.None}, 0, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	var offset int64
	for now := int64(0); now < 20_000; now += 10 { // a record each 10 ms, which was 30 ms on its way
		if err := c.Add(stream.Record{Offset: offset, Time: now - 30, Value: value("🔥")}, now); err != nil {
			t.Fatal(err)
		}
		offset++
		c.Advance(fetched(offset, true, now))
	}
	if at, _ := c.NextDue(20_000); at != 20_000+20*5/4 {
		t.Errorf("the next is due at %d, want 20025: the last record of a window is read 20 ms after its end", at)
	}
}

// Windows that are known at once count in their order, so that the same records give the
// same grace.
func TestGraceLearnsInOrder(t *testing.T) {
	for range 20 {
		s := newStragglers(t)
		for _, need := range append(list(2, 70), list(59, 8)...) {
			if err := s.c.Add(stream.Record{Offset: s.offset, Time: s.end - 1, Value: value("🔥")}, s.end+need); err != nil {
				t.Fatal(err)
			}
			s.offset++
			s.end += 2000
		}
		s.fetch(s.end, true)
		if got := s.grace(); got != 10 {
			t.Fatalf("the grace is %d ms, want 10: two of the last sixty did not need 70", got)
		}
	}
}

// Whatever comes, the grace stays within its bounds.
func TestGraceStaysWithinItsBounds(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		s := newStragglers(t)
		for range 200 {
			s.windows(rnd.Int64N(1 + rnd.Int64N(300)))
			if g := s.grace(); g < 10 || g > 100 {
				t.Fatalf("seed %d: the grace is %d ms", seed, g)
			}
		}
	}
}
