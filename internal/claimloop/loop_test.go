package claimloop_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/claimloop"
	"github.com/emostream/emostream/internal/passedover"
	"github.com/emostream/emostream/internal/stream"
)

// calls records what the loop does. It is everything that the loop works on: a log, a
// state machine that emits every batch, and the writer and committer.
type calls struct {
	list     []string
	fetches  []func() (stream.Batch, error) // one for each fetch; after the last the context ends
	cancel   context.CancelFunc
	position int64
	next     int64 // time at which something is due; 0: nothing is
	records  int
	refuse   error // error of Add
	write    error
	commit   error
	commits  time.Duration // how long a commit takes
	idle     bool          // nothing is ever due
}

func (c *calls) note(format string, args ...any) {
	c.list = append(c.list, fmt.Sprintf(format, args...))
}

// Write notes the end of a line of the log.
func (c *calls) Write(line []byte) (int, error) {
	c.note("log %s", strings.TrimSpace(string(line[bytes.Index(line, []byte("offset=")):])))
	return len(line), nil
}

func (c *calls) Fetch(_ context.Context, offset int64, wait time.Duration) (stream.Batch, error) {
	c.note("fetch from %d for %v", offset, wait)
	if len(c.fetches) == 0 {
		c.cancel()
		return stream.Batch{}, context.Canceled
	}
	f := c.fetches[0]
	c.fetches = c.fetches[1:]
	return f()
}

func (c *calls) Position() int64 { return c.position }

func (c *calls) Add(r stream.Record, _ int64) error {
	c.note("add %d", r.Offset)
	c.records++
	return c.refuse
}

func (c *calls) Advance(b stream.Batch) {
	c.note("advance to %d", b.Next)
	c.position = b.Next
}

func (c *calls) NextDue(int64) (at int64, ok bool) { return c.next, c.next != 0 }

func (c *calls) Due(int64) (int, bool) { return c.records, c.records > 0 && !c.idle }

func (c *calls) Confirm(n int) {
	c.note("confirm %d", n)
	c.records -= n
}

func (c *calls) Commit() stream.Commit { return stream.Commit{Offset: c.position} }

// offsets is the Committer that records the loop's commits.
type offsets struct{ *calls }

func (o offsets) Commit(_ context.Context, next stream.Commit) error {
	o.note("commit %d", next.Offset)
	if o.commits > 0 {
		<-time.After(o.commits)
	}
	return o.commit
}

// batch returns a fetch that takes 10 ms and returns the records from offset from up
// to, and without, offset to, of a log with end records.
func batch(from, to, end int64) func() (stream.Batch, error) {
	return func() (stream.Batch, error) {
		<-time.After(10 * time.Millisecond)
		b := stream.Batch{Next: to, HighWatermark: end}
		for ; from < to; from++ {
			b.Records = append(b.Records, stream.Record{Offset: from})
		}
		return b, nil
	}
}

func TestLoop(t *testing.T) {
	broken := errors.New("broken")
	lost := func() (stream.Batch, error) {
		return stream.Batch{}, fmt.Errorf("read: %w", &stream.OutOfRangeError{Offset: 0, Start: 5, End: 6})
	}
	for name, tt := range map[string]struct {
		fetches []func() (stream.Batch, error)
		setup   func(*calls, *claimloop.Loop[int])
		want    string
		err     string
	}{
		"it confirms what is acknowledged, and then commits": {
			[]func() (stream.Batch, error){batch(0, 2, 2), batch(2, 2, 2)},
			func(*calls, *claimloop.Loop[int]) {},
			"fetch from 0 for 1s, add 0, add 1, advance to 2, write 2, confirm 2, commit 2, fetch from 2 for 1s, advance to 2, fetch from 2 for 1s",
			"context canceled",
		},
		"it waits until something is due by the clock": {
			nil,
			func(c *calls, _ *claimloop.Loop[int]) { c.next = time.Now().UnixMilli() + 30 },
			"fetch from 0 for 30ms", "context canceled",
		},
		"it does not wait for what is due already": {
			nil,
			func(c *calls, _ *claimloop.Loop[int]) { c.next = -1 << 63 },
			"fetch from 0 for 0s", "context canceled",
		},
		"it commits nothing that is not acknowledged": {
			[]func() (stream.Batch, error){batch(0, 2, 2)},
			func(c *calls, _ *claimloop.Loop[int]) { c.write = broken },
			"fetch from 0 for 1s, add 0, add 1, advance to 2, write 2", "work: broken",
		},
		"it ends when it cannot commit": {
			[]func() (stream.Batch, error){batch(0, 1, 1)},
			func(c *calls, _ *claimloop.Loop[int]) { c.commit = broken },
			"fetch from 0 for 1s, add 0, advance to 1, write 1, confirm 1, commit 1", "work: broken",
		},
		"it ends at a record that is refused": {
			[]func() (stream.Batch, error){batch(0, 2, 2)},
			func(c *calls, l *claimloop.Loop[int]) {
				c.refuse = broken
				l.Stops = func(err error) bool { return errors.Is(err, broken) }
			},
			"fetch from 0 for 1s, add 0", "broken",
		},
		"it passes over records that are refused": {
			[]func() (stream.Batch, error){batch(0, 1, 1)},
			func(c *calls, l *claimloop.Loop[int]) {
				c.refuse = broken
				l.Stops = func(error) bool { return false }
				l.PassedOver = passedover.New("work", slog.New(slog.NewTextHandler(c, nil)), nil)
				l.OnBatch = func(b stream.Batch) { c.note("batch until %d", b.Next) }
			},
			"fetch from 0 for 1s, add 0, log offset=0 error=broken, advance to 1, batch until 1, write 1, confirm 1, commit 1, fetch from 1 for 1s",
			"context canceled",
		},
		"it goes on after a batch that cannot be read": {
			[]func() (stream.Batch, error){func() (stream.Batch, error) {
				return stream.Batch{Skipped: []stream.Skipped{{From: 0, To: 7, Reason: broken}}, Next: 7, HighWatermark: 7}, nil
			}},
			func(c *calls, l *claimloop.Loop[int]) {
				l.PassedOver = passedover.New("work", slog.New(slog.NewTextHandler(c, nil)), nil)
			},
			"fetch from 0 for 1s, log offset=0 error=broken, advance to 7, commit 7, fetch from 7 for 1s",
			"context canceled",
		},
		"it ends when records are lost": {
			[]func() (stream.Batch, error){lost},
			func(*calls, *claimloop.Loop[int]) {},
			"fetch from 0 for 1s", "read: /0 holds offsets 5 to 6 and 0 was asked for",
		},
		"it goes on at the log's start when records are lost": {
			[]func() (stream.Batch, error){lost},
			func(c *calls, l *claimloop.Loop[int]) {
				l.OnLost = func(lost *stream.OutOfRangeError) error {
					c.note("lost until %d", lost.Start)
					return nil
				}
			},
			"fetch from 0 for 1s, lost until 5, advance to 5, fetch from 5 for 1s", "context canceled",
		},
		"it ends when records are lost that are needed": {
			[]func() (stream.Batch, error){lost},
			func(_ *calls, l *claimloop.Loop[int]) {
				l.OnLost = func(*stream.OutOfRangeError) error { return broken }
			},
			"fetch from 0 for 1s", "broken",
		},
		"it writes and commits seldom while there is a backlog": {
			[]func() (stream.Batch, error){batch(0, 1, 9), batch(1, 2, 9), batch(2, 3, 9), batch(3, 4, 4)},
			func(_ *calls, l *claimloop.Loop[int]) { l.BacklogInterval = 15 * time.Millisecond },
			"fetch from 0 for 1s, add 0, advance to 1, write 1, confirm 1, commit 1, fetch from 1 for 1s, add 1, advance to 2, " +
				"fetch from 2 for 1s, add 2, advance to 3, write 2, confirm 2, commit 3, fetch from 3 for 1s, add 3, advance to 4, write 1, confirm 1, commit 4, fetch from 4 for 1s",
			"context canceled",
		},
		"the time of a commit is not part of the time between two in a backlog": {
			[]func() (stream.Batch, error){batch(0, 1, 9), batch(1, 2, 9), batch(2, 3, 9)},
			func(c *calls, l *claimloop.Loop[int]) {
				c.commits, l.BacklogInterval = time.Second, 15*time.Millisecond
			},
			"fetch from 0 for 1s, add 0, advance to 1, write 1, confirm 1, commit 1, fetch from 1 for 1s, add 1, advance to 2, " +
				"fetch from 2 for 1s, add 2, advance to 3, write 2, confirm 2, commit 3, fetch from 3 for 1s",
			"context canceled",
		},
		"it commits seldom in a backlog in which nothing is due": {
			[]func() (stream.Batch, error){batch(0, 1, 9), batch(1, 2, 9), batch(2, 3, 9)},
			func(c *calls, l *claimloop.Loop[int]) { c.idle, l.BacklogInterval = true, 15*time.Millisecond },
			"fetch from 0 for 1s, add 0, advance to 1, commit 1, fetch from 1 for 1s, add 1, advance to 2, " +
				"fetch from 2 for 1s, add 2, advance to 3, commit 3, fetch from 3 for 1s",
			"context canceled",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				c := &calls{fetches: tt.fetches, cancel: cancel}
				loop := claimloop.Loop[int]{
					Name: "work", Machine: c, Lag: claimloop.NewLag(nil, "lag"),
					Claim: stream.Claim{Log: c, Offsets: offsets{c}},
					Write: func(_ context.Context, n int) error {
						c.note("write %d", n)
						return c.write
					},
				}
				tt.setup(c, &loop)
				err := loop.Run(ctx)
				cancel()
				if diff := cmp.Diff(strings.Split(tt.want, ", "), c.list); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if err == nil || err.Error() != tt.err {
					t.Errorf("Run = %v, want %v", err, tt.err)
				}
			})
		})
	}
}
