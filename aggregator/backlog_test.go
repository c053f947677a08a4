package aggregator_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// In a backlog, one emission is made for many fetches.
func TestCombineOfABacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t)
		const windows, perWindow = 250, 4
		for i := range int64(windows * perWindow) {
			p.react(t, 0, i*2000/perWindow, "🔥")
		}
		until(windows * 2000)
		claim := p.reactions.claim(0)
		claim.Log = &slowReader{claim.Log, perWindow}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- p.Combine(ctx, claim) }()
		until(windows*2000 + windows*10 + 50)
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		marks, counted := 0, map[int64]int64{}
		for _, r := range p.partials.records(0) {
			said, err := wire.DecodeProgress(r.Value)
			switch {
			case err != nil:
				t.Fatal(err)
			case said.Mark != nil:
				marks++
			default:
				counted[said.Partial.End] = said.Partial.Counts["🔥"]
			}
		}
		if marks < windows/10 || marks > windows/10+2 {
			t.Errorf("%d windows were emitted %d times in %d ms, want every 100 ms and at the end", windows, marks, windows*10)
		}
		if n := len(p.reactions.commits); n > marks {
			t.Errorf("%d emissions were followed by %d commits", marks, n)
		}
		total := int64(0)
		for _, n := range counted {
			total += n
		}
		if total != windows*perWindow {
			t.Errorf("%d of %d records were counted", total, windows*perWindow)
		}
	})
}

// slowReader takes 10 ms for each fetch and returns at most maxRecords.
type slowReader struct {
	stream.Reader
	maxRecords int
}

func (r *slowReader) Fetch(ctx context.Context, offset int64, wait time.Duration) (stream.Batch, error) {
	<-time.After(10 * time.Millisecond)
	b, err := r.Reader.Fetch(ctx, offset, wait)
	if len(b.Records) > r.maxRecords {
		b.Records = b.Records[:r.maxRecords]
		b.Next = offset + int64(r.maxRecords)
	}
	return b, err
}
