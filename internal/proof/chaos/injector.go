package chaos

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/emostream/emostream/internal/sleep"
)

// Tally is how many faults there were, by kind.
type Tally [3]int

func (t Tally) String() string {
	return fmt.Sprintf("%d killed, %d paused, %d restarted", t[Kill], t[Pause], t[Restart])
}

// injector lets faults happen when they are due. Faults of one target wait for
// each other: one that is due before its target is back comes late, or, if the end
// is there first, not at all.
type injector struct {
	plan    []Fault
	victims map[string]victim
	tell    func(format string, args ...any)

	mu      sync.Mutex
	began   time.Time
	stages  Tally
	brokers Tally
	broker  func(Fault) bool
}

// run returns when ctx has ended and everything is running again.
func (i *injector) run(ctx context.Context) error {
	i.began = time.Now()
	var all sync.WaitGroup
	queues := map[victim]chan Fault{} // of a cluster there is one
	var errs []error
	for _, f := range i.plan {
		v := i.victims[f.Target]
		if queues[v] == nil {
			queue := make(chan Fault, len(i.plan)) // never full
			queues[v] = queue
			all.Go(func() {
				if err := i.work(ctx, v, queue); err != nil {
					i.mu.Lock()
					defer i.mu.Unlock()
					errs = append(errs, err)
				}
			})
		}
		queues[v] <- f
	}
	for _, queue := range queues {
		close(queue)
	}
	all.Wait()
	return errors.Join(errs...)
}

// work lets the faults of one target happen.
func (i *injector) work(ctx context.Context, v victim, queue <-chan Fault) error {
	for f := range queue {
		if sleep.Until(ctx, i.began.Add(f.At)) != nil {
			return nil
		}
		i.count(f)
		if err := v.hit(ctx, f); err != nil {
			return fmt.Errorf("%v: %w", f, err)
		}
		i.tell("%5.1f s  %s is back", time.Since(i.began).Seconds(), f.Target)
	}
	return nil
}

func (i *injector) count(f Fault) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.broker(f) {
		i.brokers[f.Kind]++
	} else {
		i.stages[f.Kind]++
	}
	i.tell("%5.1f s  %v", time.Since(i.began).Seconds(), f)
}
