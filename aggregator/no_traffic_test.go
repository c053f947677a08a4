package aggregator_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/aggregator"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/internal/wire"
)

// Nobody reacts for longer than the topic's retention. So the records of the windows
// that were open are gone, and the committed offset, too. A restart goes on after them
// if all of them were emitted, and fails if one was not.
func TestSilenceLongerThanRetention(t *testing.T) {
	windows, err := windowing.New(2*time.Second, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	cfg := aggregator.CombinerConfig{Windows: windows, Grace: 100 * time.Millisecond, Partitions: 1, Reducers: 1}
	value := wire.AppendReaction(nil, wire.Reaction{UserID: "u", Emoji: "🔥"})
	const begin = 1_000_000_000
	for _, tt := range []struct {
		what    string
		emitAt  int64 // time of the last attempt to emit
		start   int64 // the log's start at the restart
		refused bool
	}{
		{"all was emitted, and all is gone", begin + 3000, 3, false},
		{"all was emitted, and some is gone", begin + 3000, 2, false},
		{"all was emitted, and nothing is gone", begin + 3000, 0, false},
		{"the last window was not emitted, and all is gone", begin + 1500, 3, true},
		{"records that were never read are gone", begin + 3000, 4, true},
	} {
		t.Run(tt.what, func(t *testing.T) {
			c, err := aggregator.NewCombiner(cfg, stream.Commit{Offset: stream.None}, 0, 0, false)
			if err != nil {
				t.Fatal(err)
			}
			for offset := range int64(3) {
				add(t, c, offset, begin+offset, value)
			}
			if e, due := c.Due(tt.emitAt); due {
				c.Confirm(e)
			}
			commit := c.Commit()
			if commit.Offset != 0 {
				t.Fatalf("committed %d while the window is open", commit.Offset)
			}

			const end = 4
			c, err = aggregator.NewCombiner(cfg, commit, tt.start, end, false)
			if refused := err != nil; refused != tt.refused {
				t.Fatalf("NewCombiner said %v", err)
			}
			if tt.refused || tt.start == 0 {
				return
			}
			if c.Position() != 3 {
				t.Errorf("it goes on at %d", c.Position())
			}
			// Of a record of the windows that were open nobody knows whether it was
			// counted. With the next later record these windows are over.
			for _, record := range []stream.Record{
				{Offset: 3, Time: begin, Value: value},         // of their last window
				{Offset: 3, Time: begin - 2000, Value: value},  // of one before
				{Offset: 3, Time: begin - 90000, Value: value}, // late
			} {
				again, err := aggregator.NewCombiner(cfg, c.Commit(), tt.start, end, false)
				if err != nil {
					t.Fatal(err)
				}
				if _, ok := errors.AsType[*aggregator.CommitError](again.Add(record, 0)); !ok {
					t.Errorf("the record of %d is counted, want a CommitError", record.Time-begin)
				}
				reset, err := aggregator.NewCombiner(cfg, c.Commit(), tt.start, end, true)
				if err != nil {
					t.Fatal(err)
				}
				add(t, reset, 3, record.Time, value)
				emit(t, reset, begin+5000, "1000004000 main: from 3 to 4, 🔥1", "mark: reported never, closed 1000002000")
			}
			add(t, c, 3, begin+2000, value) // the first of the next window
			add(t, c, 4, begin+100_000, value)
			add(t, c, 5, begin+100_000, value)
			add(t, c, 6, begin, value) // late
			e, _ := c.Due(begin + 200_000)
			ends := map[int64]int64{}
			for _, r := range e.Records[0] {
				var p wire.Progress
				if err := json.Unmarshal(r.Value, &p); err != nil {
					t.Fatal(err)
				}
				if p.Partial != nil {
					ends[p.Partial.End-begin] = p.Partial.Counts["🔥"]
				}
			}
			if ends[4000] != 1 || ends[92_000] != 1 || ends[102_000] != 2 || len(ends) != 3 {
				t.Errorf("counted by window: %v", ends)
			}
		})
	}
}

// After an hour without reactions, one reaction is counted as fast as ever. No backlog
// of empty windows has to be processed, and no partition without records is waited for.
func TestOneReactionAfterAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t)
		defer p.start(t)()
		p.react(t, 0, 500, "🔥")
		const hour = 3_600_000
		until(hour + 700)
		p.react(t, 1, hour+700, "🎉")
		until(hour + 2100)
		got, want := p.countsWritten(t), []string{"at 2100: 2000 🔥1", fmt.Sprintf("at %d: %d 🎉1", hour+2100, hour+2000)}
		if !slices.Equal(got, want) {
			t.Errorf("shown %q, want %q", got, want)
		}
	})
}
