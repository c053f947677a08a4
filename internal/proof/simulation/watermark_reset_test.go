package simulation_test

import (
	"time"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/internal/wire"
)

// watermarkReset is a run of what emostream topics reset-watermark does. Anything may
// happen between two of its steps, and it may be killed.
type watermarkReset struct {
	partitions []int // of emoji-topic
	steps      []func()
}

// beginReset resets the watermarks of which an earlier reset began and did not end, and,
// while the adversary acts, those that are ahead of the clock.
func (w *world) beginReset() {
	if w.watermark != nil {
		return
	}
	now := time.Now().UnixMilli()
	r := &watermarkReset{}
	for i, p := range w.reactions().partitions {
		s := w.state(p, p.end())
		if (w.calm || s.Watermark <= now) && s.Reset >= w.held[i] {
			continue
		}
		r.partitions = append(r.partitions, i)
		hold := w.windows().HoldAt(now, wire.Mark{
			Partition: i, Partitions: w.set.reactions, Reducers: w.set.reducers, Settings: w.windows().Settings(),
		}, p.end())
		for n, reducer := range w.partials().partitions {
			r.steps = append(r.steps, func() {
				w.event("%s/%d: a reset of partition %d begins at %d", w.partials().name, n, i, reducer.end())
				reducer.append(stream.Record{Time: now, Value: wire.Progress{Mark: &hold}.Encode()})
				w.held[i], w.reopened = hold.Reset, min(w.reopened, hold.Reopened)
			})
		}
	}
	if len(r.partitions) > 0 {
		w.faults.watermarkResets++
		r.steps = append(r.steps, w.readStates)
		w.watermark = r
	}
}

// readStates reads all partitions, and decides how the reset goes on.
func (w *world) readStates() {
	var states []windowing.State
	for _, p := range w.reactions().partitions {
		if len(p.open) > 0 {
			w.watermark = nil // it cannot be read to its end
			return
		}
		states = append(states, w.state(p, p.end()))
	}
	now := time.Now().UnixMilli()
	reset := w.windows().ResetAt(now, states)
	for _, i := range w.watermark.partitions {
		reset.Held = w.held[i] - 1
		value := reset.Encode()
		for range 1 + w.rng.IntN(2) { // it may be written twice
			w.watermark.steps = append(w.watermark.steps, func() {
				p := w.reactions().partitions[i]
				w.event("%s/%d: the watermark is reset at %d", w.reactions().name, i, p.end())
				p.append(stream.Record{Time: now, Value: value})
			})
		}
	}
}

// continueReset takes the next step of a reset now and then, or kills it.
func (w *world) continueReset() {
	switch {
	case w.watermark == nil || w.rng.IntN(10) > 0:
	case w.rng.IntN(30) == 0:
		w.event("the reset is killed")
		w.watermark = nil
	default:
		w.watermark.step()
		if w.watermark != nil && len(w.watermark.steps) == 0 {
			w.watermark = nil
		}
	}
}

func (r *watermarkReset) step() {
	next := r.steps[0]
	r.steps = r.steps[1:]
	next()
}

// finishReset ends a reset that has begun, or does it again if it was killed.
func (w *world) finishReset() {
	for range 2 {
		if w.watermark == nil {
			w.beginReset()
		}
		for w.watermark != nil && len(w.watermark.steps) > 0 {
			w.watermark.step()
		}
		w.watermark = nil
	}
}

// windows returns the windows of the history.
func (w *world) windows() windowing.Windows {
	return windowing.Windows{Length: w.set.window.Milliseconds(), Lateness: w.set.lateness.Milliseconds()}
}

// state returns what decides about the record of a partition at an offset.
func (w *world) state(p *partition, offset int64) windowing.State {
	s := windowing.Begin()
	for _, r := range p.records[:offset] {
		if p.strange[r.Offset] > foreign {
			continue
		}
		if _, err := wire.DecodeCountedFields(r.Value); err == nil {
			_, _, s = w.windows().Assign(s, r.Time)
		} else {
			s, _, _ = w.windows().ResetBy(s, r.Value, r.Offset)
		}
	}
	return s
}
