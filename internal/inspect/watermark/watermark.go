// Package watermark finds partitions of emoji-topic whose watermark is ahead of the
// clock, and resets it. Reactions of such a partition are counted, but in windows whose
// time has not come.
package watermark

import (
	"context"
	"fmt"
	"time"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/internal/wire"
)

// Command is what resets watermarks that are ahead, for messages.
const Command = "emostream topics reset-watermark"

// Ahead is a partition of emoji-topic whose watermark is ahead of the clock.
type Ahead struct {
	Topic     string `json:"topic"`
	Partition int    `json:"partition"`
	// Until is the end of the window in which reactions of now are counted: from then on
	// they are shown.
	Until wire.Time `json:"until"`
}

func (a Ahead) String() string {
	return fmt.Sprintf("reactions of %s/%d are counted in windows from %v on and not shown before, since its watermark is ahead of the clock; %s mends it",
		a.Topic, a.Partition, a.Until, Command)
}

// Find returns the partitions of a topic that are ahead at now, as the commits of group
// say, which is combine by its full name. A partition without such a commit is not.
func Find(ctx context.Context, c *kafka.Client, group, topic string, partitions int, now time.Time) ([]Ahead, error) {
	var all []Ahead
	for p := range partitions {
		commit, err := c.Committed(ctx, group, topic, p)
		if err != nil {
			return nil, err
		}
		meta, ours, err := wire.DecodeCommit[wire.CombinerCommit](commit.Metadata)
		if err != nil || !ours {
			continue
		}
		// The commit's state may be older than what the partition has closed.
		windows, state := windowing.Of(meta.Settings), windowing.StateOf(meta)
		if meta.Closed > windows.Closed(state.Watermark) {
			state.Watermark = meta.Closed + meta.LatenessMS
		}
		if end, isAhead := windows.ShownFrom(state, now.UnixMilli()); isAhead {
			all = append(all, Ahead{topic, p, wire.Time(end)})
		}
	}
	return all, nil
}

// Unfinished returns the partitions of emoji-topic of which a reset has begun and did not
// end, as the commits of the groups combine and reduce say, by their full names. For a
// moment that is so with every reset.
func Unfinished(ctx context.Context, c *kafka.Client, names wire.Topics, combine, reduce string, reactions, reducers int) ([]int, error) {
	begun, err := begunResets(ctx, c, reduce, names.Partials(), reducers)
	if err != nil {
		return nil, err
	}
	var unfinished []int
	for p := range reactions {
		if begun[p] == 0 {
			continue
		}
		commit, err := c.Committed(ctx, combine, names.Reactions(), p)
		if err != nil {
			return nil, err
		}
		if meta, ours, err := wire.DecodeCommit[wire.CombinerCommit](commit.Metadata); err == nil && ours && meta.Reset < begun[p] {
			unfinished = append(unfinished, p)
		}
	}
	return unfinished, nil
}

// begunResets returns the resets that reducers know of, by partition of emoji-topic; 0:
// they know of none.
func begunResets(ctx context.Context, c *kafka.Client, group, topic string, reducers int) (map[int]int64, error) {
	begun := map[int]int64{}
	for p := range reducers {
		commit, err := c.Committed(ctx, group, topic, p)
		if err != nil {
			return nil, err
		}
		meta, _, err := wire.DecodeCommit[wire.ReducerCommit](commit.Metadata)
		if err != nil {
			return nil, fmt.Errorf("the commit of %s at %s/%d cannot be read: %w", group, topic, p, err)
		}
		for i, reset := range meta.Resets {
			begun[i] = max(begun[i], reset)
		}
	}
	return begun, nil
}
