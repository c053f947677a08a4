package doctor

import (
	"context"
	"encoding/json"
	"time"

	"github.com/emostream/emostream/internal/inspect/watermark"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

func (s *session) counting(ctx context.Context, maxBehind time.Duration) []Finding {
	ctx, cancel := context.WithTimeout(ctx, 2*s.Timeout)
	defer cancel()
	reactions, partials, counts := s.Names.Reactions(), s.Names.Partials(), s.Names.Counts()
	for _, topic := range []string{reactions, partials, counts} {
		if !s.usable(topic) {
			return skipped(areaCounting, areaCounting, topic+" is not there, or has no leader")
		}
	}
	c := Counting{
		Reactions: s.states[reactions].Partitions, Partials: s.states[partials].Partitions, MaxBehind: maxBehind,
		Given: wire.Settings{WindowMS: s.Window.Milliseconds(), LatenessMS: s.Lateness.Milliseconds()},
	}
	if s.mark.Version > 0 {
		c.Mark = &s.mark
	}
	newest, _, err := s.newest(ctx, counts, windowOfCount)
	if err == nil {
		c.Other = c.Mark == nil && newest > 0
		c.Combine, err = s.group(ctx, "combine", reactions, func(metadata string) int64 {
			var m wire.CombinerCommit
			_ = json.Unmarshal([]byte(metadata), &m) // metadata of another program says nothing
			return m.Emitted
		})
	}
	if err == nil {
		c.Ahead, err = watermark.Find(ctx, s.client, s.Group("combine"), reactions, c.Reactions, s.now())
	}
	if err == nil {
		err = retry(ctx, func() (done bool, err error) { // one that runs ends soon
			c.Unfinished, err = watermark.Unfinished(ctx, s.client, s.Names, s.Group("combine"), s.Group("reduce"), c.Reactions, c.Partials)
			return len(c.Unfinished) == 0, err
		})
	}
	if err == nil {
		c.Reduce, err = s.group(ctx, "reduce", partials, func(metadata string) int64 {
			var m wire.ReducerCommit
			_ = json.Unmarshal([]byte(metadata), &m)
			return m.Emitted
		})
		c.Reduce.Gone, c.Reduce.Beyond = 0, 0 // a reducer reports such gaps itself, and goes on
	}
	if err == nil {
		c.Hops, err = s.hops(ctx)
	}
	if err != nil {
		return failed(areaCounting, err)
	}
	return CheckCounting(c)
}

// noGroup is the state that brokers report for a group that does not exist.
const noGroup = "Dead"

// group gathers the state of one consumer group of aggregate, and how many records wait
// for it. done returns the offset before which all records were passed on, as the
// metadata of a commit says.
func (s *session) group(ctx context.Context, role, topic string, done func(metadata string) int64) (Group, error) {
	g := Group{Name: s.Group(role), Topic: topic}
	var err error
	if g.GroupState, err = s.settled(ctx, g.Name); err != nil {
		return g, err
	}
	for p := range s.states[topic].Partitions {
		commit := stream.Commit{Offset: stream.None}
		if g.State != noGroup {
			if commit, err = s.client.Committed(ctx, g.Name, topic, p); err != nil {
				return g, err
			}
		}
		start, end, err := s.client.Offsets(ctx, topic, p)
		if err != nil {
			return g, err
		}
		from := int64(0)
		if commit.Offset != stream.None {
			from = max(commit.Offset, done(commit.Metadata))
		}
		g.Gone += max(0, start-from)
		g.Beyond += max(0, commit.Offset-end)
		from = max(from, start)
		if from >= end {
			continue
		}
		g.Waiting += end - from
		at := time.Time{}
		err = s.read(ctx, topic, p, from, from+1, func(r stream.Record) { at = time.UnixMilli(r.Time) })
		if err != nil {
			return g, err
		}
		if !at.IsZero() {
			g.Oldest = max(g.Oldest, s.now().Sub(at))
		}
	}
	return g, nil
}

// settled returns the state of a group. While the group's partitions are being assigned
// it asks again, for three seconds at most.
func (s *session) settled(ctx context.Context, group string) (state kafka.GroupState, err error) {
	err = retry(ctx, func() (done bool, err error) {
		state, err = s.client.Group(ctx, group)
		return state.Members == 0 || state.State == "Stable", err
	})
	return state, err
}
