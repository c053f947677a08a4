package loadgen

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/emostream/emostream/loadgen/report"
	"github.com/emostream/emostream/loadgen/usage"
)

// targetUsage measures what the processes that a Config names spend during a run. A nil
// targetUsage measures nothing.
//
// Processor time is that of sending alone. Requests and deliveries of the same time are
// what it is divided by.
type targetUsage struct {
	counts func() (requests, deliveries int64)

	mu        sync.Mutex // guards the fields below
	processes *usage.Processes
	figures   report.TargetUsage
	atStart   usage.Usage // when sending began
	began     time.Time   // zero: it has not
	failure   error       // why a look failed, of the first that did
}

// watch says which processes shall be measured.
func (c Config) watch() usage.Selection {
	return usage.Selection{PIDs: c.WatchPIDs, Commands: c.WatchCommands}
}

// checkWatch returns why the processes cannot be measured, or nil if they can.
func (c Config) checkWatch() error {
	if len(c.WatchPIDs)+len(c.WatchCommands) == 0 {
		return nil
	}
	return usage.Supported()
}

// Watched looks for the processes that shall be measured, and returns what cannot be
// measured of them and what helps; empty: all can. It returns an error if one is not
// there. A run looks for them again.
func (c Config) Watched() (advice string, err error) {
	u, err := newTargetUsage(c)
	if u == nil || err != nil {
		return "", err
	}
	return u.processes.Unreadable(), nil
}

// newTargetUsage finds the processes that a configuration names.
func newTargetUsage(c Config) (*targetUsage, error) {
	if len(c.WatchPIDs)+len(c.WatchCommands) == 0 {
		return nil, nil
	}
	found, err := usage.Find(c.watch())
	if err != nil {
		return nil, err
	}
	u := &targetUsage{processes: found}
	now := u.look(true)
	u.figures.MemoryBegin, u.figures.PSSBegin = now.RSS, now.PSS
	return u, u.failure
}

// run looks at the processes once a second, until ctx ends.
func (u *targetUsage) run(ctx context.Context) {
	if u == nil {
		return
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			u.mu.Lock()
			u.look(false)
			u.mu.Unlock()
		}
	}
}

// look reads what the processes use. The caller holds mu.
func (u *targetUsage) look(withPSS bool) usage.Usage {
	now, err := u.processes.Read(withPSS)
	if err != nil {
		if u.failure == nil {
			u.failure = err
		}
		return usage.Usage{}
	}
	f := &u.figures
	f.MemoryMax, f.DescriptorsMax = greatest(f.MemoryMax, now.RSS), greatest(f.DescriptorsMax, now.Descriptors)
	return now
}

// greatest returns the greater of two figures, or the one that is known.
func greatest(a, b *int64) *int64 {
	if a == nil || b != nil && *b > *a {
		return b
	}
	return a
}

// begin notes that sending begins.
func (u *targetUsage) begin() {
	if u == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.atStart, u.began = u.look(false), time.Now()
	requests, deliveries := u.counts()
	u.figures.Requests, u.figures.Deliveries = -requests, -deliveries
}

// end notes that sending has ended.
func (u *targetUsage) end() {
	if u == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	requests, deliveries := u.counts()
	now := u.look(true)
	f := &u.figures
	f.Requests += requests
	f.Deliveries += deliveries
	f.DurationMS = report.InMS(time.Since(u.began))
	f.CPUUserMS, f.CPUSystemMS = report.InMS(now.User-u.atStart.User), report.InMS(now.System-u.atStart.System)
	f.MemoryEnd, f.PSSEnd = now.RSS, now.PSS
	f.Processes = nil
	for _, p := range u.processes.All() {
		f.Processes = append(f.Processes, report.TargetProcess{PID: p.PID, Command: p.Command, Ended: p.Ended})
	}
}

// add adds to the report what was measured, and returns notes on what was not.
func (u *targetUsage) add(out *report.Report) (notes []string) {
	if u == nil {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.failure != nil {
		return []string{fmt.Sprintf("what the target spent is not known: %v", u.failure)}
	}
	f := u.figures
	if f.DurationMS == 0 { // nothing was sent
		return nil
	}
	out.TargetUsage = &f
	if s := u.processes.Unreadable(); s != "" {
		notes = append(notes, s)
	}
	var ended []string
	for _, p := range f.Processes {
		if p.Ended {
			ended = append(ended, fmt.Sprintf("%s (pid %d)", p.Command, p.PID))
		}
	}
	if n, shown := len(ended), 3; n > 0 {
		names := strings.Join(ended[:min(n, shown)], ", ")
		if n > shown {
			names += fmt.Sprintf(" and %d more", n-shown)
		}
		notes = append(notes, fmt.Sprintf("of the target's processes that were measured %s ended during the run: what it had spent until the last look, one a second, is counted", names))
	}
	if n := len(f.Processes); n > report.MaxProcesses {
		f.Processes = f.Processes[:report.MaxProcesses]
		notes = append(notes, fmt.Sprintf("%d processes of the target were measured, of which the report names %d", n, report.MaxProcesses))
	}
	return notes
}
