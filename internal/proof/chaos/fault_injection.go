package chaos

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/emostream/emostream/internal/sleep"
)

// FaultCounts is how many faults happened, by kind.
type FaultCounts [4]int

func (c FaultCounts) String() string {
	text := fmt.Sprintf("%d killed, %d paused, %d restarted", c[Kill], c[Pause], c[Restart])
	if c[Move] > 0 {
		text += fmt.Sprintf(", %d moved", c[Move])
	}
	return text
}

// injector causes faults when they are due. If the target is not back from its last
// fault then, the new fault waits for that. It does not happen if ctx ends first.
type injector struct {
	plan    []Fault
	victims map[string]victim
	tell    func(format string, args ...any)

	mu       sync.Mutex
	began    time.Time
	stages   FaultCounts
	brokers  FaultCounts
	isBroker func(Fault) bool
}

// run causes all faults of the plan. It returns when the last one is over or ctx has
// ended, and everything is running again.
func (i *injector) run(ctx context.Context) error {
	i.began = time.Now()
	var all sync.WaitGroup
	queues := map[victim]chan Fault{} // the brokers of a cluster share one
	var errs []error
	for _, f := range i.plan {
		v := i.victims[f.Target]
		if queues[v] == nil {
			queue := make(chan Fault, len(i.plan)) // never full
			queues[v] = queue
			all.Go(func() {
				if err := i.injectInto(ctx, v, queue); err != nil {
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

// injectInto causes the faults of one victim.
func (i *injector) injectInto(ctx context.Context, v victim, queue <-chan Fault) error {
	for f := range queue {
		if sleep.Until(ctx, i.began.Add(f.At)) != nil {
			return nil //nolint:nilerr // no more faults happen when ctx ends
		}
		i.note(f)
		if err := v.inject(ctx, f); err != nil {
			return fmt.Errorf("%v: %w", f, err)
		}
		i.tell("%5.1f s  %s is back", time.Since(i.began).Seconds(), f.Target)
	}
	return nil
}

// note counts a fault, and reports it.
func (i *injector) note(f Fault) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.isBroker(f) {
		i.brokers[f.Kind]++
	} else {
		i.stages[f.Kind]++
	}
	i.tell("%5.1f s  %v", time.Since(i.began).Seconds(), f)
}
