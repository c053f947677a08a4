package simulation_test

import (
	"cmp"
	"context"
	"slices"
	"testing/synctest"
	"time"
)

// request is something that a process asks of the log, such as a fetch. Its steps are
// taken in order, and anything may happen between them. After the last step the process
// goes on.
type request struct {
	worker *worker
	gaveUp func() bool   // says whether the process no longer waits, since its context has ended
	what   string        // for the trace; differs from all other waiting requests of the worker
	until  time.Time     // when the first step may be taken even if it is not ready; zero: at once
	ready  func() bool   // says whether the first step may be taken before until; nil: yes
	begin  func()        // called before the first step; may be nil
	steps  []func()      // what the log does; the last step tells the process
	onWay  bool          // a step may happen after the process was stopped, or twice
	taken  int           // how many steps have been taken
	done   chan struct{} // closed after the last step
}

// due says whether the adversary may take a step of the request now.
func (r *request) due(now time.Time) bool {
	return r.taken > 0 || r.ready == nil || r.ready() || !now.Before(r.until)
}

// ask hands a request to the adversary. It returns nil after the last step, or an error
// if ctx ends before.
func (r *request) ask(ctx context.Context) error {
	w := r.worker.world
	r.gaveUp, r.done = func() bool { return ctx.Err() != nil }, make(chan struct{})
	if err := ctx.Err(); err != nil {
		return err
	}
	w.mu.Lock()
	w.requests = append(w.requests, r)
	w.mu.Unlock()
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// flight is a step that is taken later, whether its process still runs or not.
type flight struct {
	request *request
	step    int
	at      time.Time
}

// waiting returns the requests whose process waits, in an order that does not depend on
// the scheduling of goroutines. It drops the others. Their remaining steps, if
// they may be on their way, are scheduled to happen later or are lost, at random.
func (w *world) waiting() []*request {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	slices.SortStableFunc(w.requests, func(a, b *request) int {
		return cmp.Or(cmp.Compare(a.worker.id, b.worker.id), cmp.Compare(a.what, b.what))
	})
	kept := w.requests[:0]
	for _, r := range w.requests {
		if !r.gaveUp() {
			kept = append(kept, r)
			continue
		}
		if r.taken == 0 && r.begin != nil {
			r.begin()
		}
		for n := r.taken; r.onWay && n < len(r.steps)-1 && w.rng.IntN(2) == 0; n++ {
			w.fly(r, n)
		}
	}
	clear(w.requests[len(kept):])
	w.requests = kept
	return slices.Clone(kept)
}

// fly schedules a step of r for a random time within the next second, but never before
// a step of the same worker that was scheduled earlier.
func (w *world) fly(r *request, step int) {
	f := flight{r, step, time.Now().Add(time.Duration(w.rng.Int64N(int64(time.Second))))}
	for _, o := range w.flying {
		if o.request.worker == r.worker && f.at.Before(o.at) {
			f.at = o.at
		}
	}
	w.flying = append(w.flying, f)
	slices.SortStableFunc(w.flying, func(a, b flight) int { return a.at.Compare(b.at) })
}

// land takes the scheduled steps whose time has come.
func (w *world) land() {
	now := time.Now()
	for len(w.flying) > 0 && !w.flying[0].at.After(now) {
		f := w.flying[0]
		w.flying = w.flying[1:]
		w.event("%s arrives: %s %d/%d", f.request.worker, f.request.what, f.step+1, len(f.request.steps))
		f.request.steps[f.step]()
	}
}

// take takes the next step of a request, and often the steps after it.
func (w *world) take(r *request) {
	if r.taken == 0 && r.begin != nil {
		r.begin()
	}
	for {
		w.event("%s %s %d/%d", r.worker, r.what, r.taken+1, len(r.steps))
		n := r.taken
		r.taken++
		r.steps[n]()
		if r.onWay && n < len(r.steps)-1 && w.once(w.set.duplicates) {
			w.faults.repeats++
			w.fly(r, n)
		}
		if r.taken == len(r.steps) {
			w.mu.Lock()
			w.requests = slices.DeleteFunc(w.requests, func(o *request) bool { return o == r })
			w.mu.Unlock()
			close(r.done)
			return
		}
		if !w.calm && w.rng.IntN(3) == 0 {
			return
		}
	}
}
