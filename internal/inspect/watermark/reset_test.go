package watermark_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/emostream/emostream/aggregator"
	"github.com/emostream/emostream/internal/broker"
	"github.com/emostream/emostream/internal/inspect/watermark"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/internal/wire"
)

// installation is an embedded broker with the topics of aggregate, which takes times that
// are up to half an hour ahead.
type installation struct {
	t      *testing.T
	client *kafka.Client
	names  wire.Topics
}

func install(t *testing.T) *installation {
	t.Helper()
	b, err := broker.Open(broker.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() { _ = b.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	c, err := kafka.Open(kafka.Config{Brokers: []string{b.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	in := &installation{t, c, wire.Topics{Prefix: "t."}}
	layout := kafka.Layout{Names: in.names, Reactions: 2, Lateness: time.Hour}
	if _, err := c.EnsureTopics(t.Context(), layout.ReactionsTopic(), layout.PartialsTopic(), layout.CountsTopic(), layout.ServersTopic()); err != nil {
		t.Fatal(err)
	}
	return in
}

// aggregate runs aggregate until the test ends.
func (in *installation) aggregate() {
	in.t.Helper()
	a, err := aggregator.New(aggregator.Config{
		Window: windowing.MinWindow, Lateness: time.Second, ReactionPartitions: 2,
		Partials: in.client.Writer(in.names.Partials()), PartialPartitions: 1, Counts: in.client.Writer(in.names.Counts()), CountPartitions: 1,
	})
	if err != nil {
		in.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(in.t.Context()))
	var running sync.WaitGroup
	running.Go(func() { _ = in.client.Consume(ctx, "combine", in.names.Reactions(), a.Combine) })
	running.Go(func() { _ = in.client.Consume(ctx, "reduce", in.names.Partials(), a.Reduce) })
	in.t.Cleanup(func() { stop(); running.Wait() })
}

// react appends reactions with the time in ahead from now.
func (in *installation) react(partition, n int, ahead time.Duration) {
	in.t.Helper()
	for range n {
		in.write(in.names.Reactions(), partition, time.Now().Add(ahead), wire.AppendReaction(nil, wire.Reaction{UserID: "u", Emoji: "🔥"}))
	}
}

func (in *installation) write(topic string, partition int, at time.Time, value []byte) {
	in.t.Helper()
	if err := in.client.Writer(topic).Write(in.t.Context(), partition, []stream.Record{{Time: at.UnixMilli(), Value: value}}); err != nil {
		in.t.Fatal(err)
	}
}

func (in *installation) reset(dryRun bool) watermark.Report {
	in.t.Helper()
	r, err := watermark.Reset(in.t.Context(), watermark.Config{Client: in.client, Names: in.names, Combine: "combine", Reduce: "reduce", DryRun: dryRun, Stall: 10 * time.Second})
	if err != nil {
		in.t.Fatal(err)
	}
	return r
}

// until waits until ok returns true.
func (in *installation) until(what string, ok func() bool) {
	in.t.Helper()
	for began := time.Now(); !ok(); {
		if sleep.For(in.t.Context(), 20*time.Millisecond) != nil || time.Since(began) > time.Minute {
			in.t.Fatalf("it does not come that %s", what)
		}
	}
}

// ahead returns how many partitions Find calls ahead.
func (in *installation) ahead() int {
	in.t.Helper()
	found, err := watermark.Find(in.t.Context(), in.client, "combine", in.names.Reactions(), 2, time.Now())
	if err != nil {
		in.t.Fatal(err)
	}
	return len(found)
}

func (in *installation) unfinished() []int {
	in.t.Helper()
	partitions, err := watermark.Unfinished(in.t.Context(), in.client, in.names, "combine", "reduce", 2, 1)
	if err != nil {
		in.t.Fatal(err)
	}
	return partitions
}

// floor returns the floor that the reducer has committed.
func (in *installation) floor() int64 {
	in.t.Helper()
	commit, err := in.client.Committed(in.t.Context(), "reduce", in.names.Partials(), 0)
	if err != nil {
		in.t.Fatal(err)
	}
	meta, _, err := wire.DecodeCommit[wire.ReducerCommit](commit.Metadata)
	if err != nil {
		in.t.Fatal(err)
	}
	return meta.Floor
}

// The watermarks that are ahead are found and reset, and only those. A reset that was
// interrupted is finished by the next one, though nothing is ahead.
func TestReset(t *testing.T) {
	in := install(t)
	if _, err := watermark.Reset(t.Context(), watermark.Config{Client: in.client, Names: in.names, Combine: "combine", Reduce: "reduce", Stall: time.Second}); err == nil {
		t.Error("it resets what was never counted")
	}
	in.aggregate()
	in.react(0, 2, 0)
	in.react(1, 2, 0)
	in.until("windows are closed", func() bool { in.react(0, 1, 0); in.react(1, 1, 0); return in.floor() > 0 })
	if r := in.reset(false); len(r.Ahead) > 0 || r.Reset {
		t.Errorf("nothing is ahead: %+v", r)
	}

	in.react(1, 2, 20*time.Minute)
	in.until("one is ahead", func() bool { in.react(1, 1, 0); return in.ahead() == 1 })
	if r := in.reset(true); len(r.Ahead) != 1 || r.Ahead[0].Partition != 1 || r.Reset || time.Until(time.UnixMilli(int64(r.Ahead[0].Until))) < 15*time.Minute {
		t.Errorf("partition 1 is ahead: %+v", r)
	}
	r := in.reset(false)
	if len(r.Ahead) != 1 || r.Ahead[0].Partition != 1 || !r.Reset || time.Until(time.UnixMilli(int64(r.Ahead[0].Until))) > time.Minute {
		t.Errorf("partition 1 was ahead: %+v", r)
	}
	in.until("none is ahead", func() bool { in.react(1, 1, 0); return in.ahead() == 0 })

	// A run writes the hold, and is killed.
	_, end, err := in.client.Offsets(t.Context(), in.names.Reactions(), 0)
	if err != nil {
		t.Fatal(err)
	}
	windows := windowing.Windows{Length: windowing.MinWindow.Milliseconds(), Lateness: 1000}
	hold := windows.HoldAt(time.Now().UnixMilli(), wire.Mark{Partitions: 2, Reducers: 1, Settings: windows.Settings()}, end)
	in.write(in.names.Partials(), 0, time.Now(), wire.Progress{Mark: &hold}.Encode())
	in.until("the reducer knows it", func() bool { return len(in.unfinished()) == 1 })
	if r := in.reset(false); len(r.Ahead) != 1 || !r.Ahead[0].Unfinished || !r.Reset {
		t.Errorf("the reset of partition 0 is not finished: %+v", r)
	}
	in.until("it is finished", func() bool { in.react(0, 1, 0); return len(in.unfinished()) == 0 })
	before := in.floor()
	in.until("windows are closed again", func() bool { in.react(0, 1, 0); in.react(1, 1, 0); return in.floor() > max(before, hold.Reopened) })
	if r := in.reset(true); len(r.Ahead) != 0 {
		t.Errorf("nothing is ahead: %+v", r)
	}
}
