package stream_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/stream"
)

// partition holds records with the offsets from start up to, and without, end. Each
// fetch returns at most two of them.
type partition struct {
	start, end int64
	stable     int64 // if set: a transaction is open from this offset on
	err        error
}

func (p *partition) Fetch(ctx context.Context, offset int64, wait time.Duration) (stream.Batch, error) {
	if p.err != nil {
		return stream.Batch{}, p.err
	}
	if offset < p.start || offset > p.end {
		return stream.Batch{}, fmt.Errorf("fetch: %w", &stream.OutOfRangeError{Offset: offset, Start: p.start, End: p.end})
	}
	b := stream.Batch{Next: min(offset+2, p.end), HighWatermark: p.end}
	if p.stable > 0 {
		b.Next, b.Unstable = min(b.Next, p.stable), p.end-p.stable
	}
	for o := offset; o < b.Next; o++ {
		b.Records = append(b.Records, stream.Record{Offset: o})
	}
	if len(b.Records) > 0 {
		return b, nil
	}
	select {
	case <-time.After(wait):
		return b, nil
	case <-ctx.Done():
		return b, ctx.Err()
	}
}

// following returns what Follow does until the context ends, as text: offsets, "caught
// up", and "-" for an empty batch. It calls meanwhile after each batch, to change the
// partition.
func following(t *testing.T, p *partition, offset, end int64, meanwhile func(batches int)) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
	defer cancel()
	var got []string
	batches := 0
	err := stream.Follow(ctx, p, offset, end, func(b stream.Batch) {
		for _, r := range b.Records {
			got = append(got, fmt.Sprint(r.Offset))
		}
		if len(b.Records) == 0 {
			got = append(got, "-")
		}
		batches++
		meanwhile(batches)
	}, func() { got = append(got, "caught up") })
	return strings.Join(got, " "), err
}

func TestFollow(t *testing.T) {
	for name, test := range map[string]struct {
		log         partition
		offset, end int64
		meanwhile   func(p *partition, batches int)
		want        string
	}{
		"history, and then what comes": {
			log: partition{end: 3}, end: 3,
			meanwhile: func(p *partition, batches int) {
				if batches == 3 {
					p.end = 4
				}
			},
			want: "0 1 2 caught up - 3 -",
		},
		"from the end on":             {log: partition{start: 1, end: 5}, offset: 5, end: 5, want: "caught up - -"},
		"an empty partition":          {want: "caught up - -"},
		"what came before it could":   {log: partition{end: 3}, end: 2, want: "0 1 caught up 2 - -"},
		"retention was quicker":       {log: partition{start: 4, end: 6}, offset: 2, end: 6, want: "4 5 caught up - -"},
		"retention took all":          {log: partition{start: 6, end: 6}, offset: 2, end: 6, want: "caught up - -"},
		"the log is shorter":          {log: partition{end: 2}, offset: 5, end: 7, want: "0 1 caught up - -"},
		"the log is made anew, empty": {offset: 5, end: 7, want: "caught up - -"},
		"behind an open transaction": {
			log: partition{end: 5, stable: 3}, end: 5,
			meanwhile: func(p *partition, batches int) {
				if batches == 3 {
					p.stable = 0
				}
			},
			want: "0 1 2 caught up - 3 4 -",
		},
		"it becomes shorter meanwhile": {
			log: partition{end: 4}, end: 4,
			meanwhile: func(p *partition, batches int) {
				if batches == 3 {
					p.end = 1
				}
			},
			want: "0 1 2 3 caught up - 0 -",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got, err := following(t, &test.log, test.offset, test.end, func(batches int) {
					if test.meanwhile != nil {
						test.meanwhile(&test.log, batches)
					}
				})
				if err != nil || got != test.want {
					t.Errorf("got %q, %v; want %q", got, err, test.want)
				}
			})
		})
	}
}

func TestFollowEndsWithAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		p := partition{end: 1}
		got, err := following(t, &p, 0, 1, func(int) { p.err = broken })
		if !errors.Is(err, broken) || got != "0 caught up" {
			t.Errorf("got %q, %v", got, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := stream.Follow(ctx, &p, 0, 1, nil, nil); err != nil {
			t.Errorf("in a context that has ended: %v", err)
		}
	})
}
