package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/internal/wire"
)

// maxCount is the greatest count of one reaction in a request.
const maxCount = 100

// Sender sends reactions to a main server.
type Sender interface {
	// Send sends reactions and returns what became of each. If it returns an error,
	// that holds for all of them; client.OutcomeOf says what became of them then.
	Send(ctx context.Context, reactions []client.Reaction) ([]client.Result, error)
}

// Config says how to replay. Server is the only field that must be set.
type Config struct {
	Server Sender
	// Speed is 1 for the recorded pace, 2 for twice as fast, and so on; 0: as fast as
	// the server takes the reactions.
	Speed float64
	// Channel, if set, is the channel that all reactions are sent to; default: the one
	// that each was recorded in.
	Channel string
	// Connections is how many requests may wait for their answer at once; default 4. If
	// that many do, reactions that become due wait, and are then sent together.
	Connections int
	// Batch is the greatest number of reactions in a request; default 1,000.
	Batch int
	// RetryFor is how long reactions that were certainly not written are sent again;
	// default 30 s. If they are not written by then, the replay ends.
	RetryFor time.Duration
	// Progress, if set, is called with the report so far every two seconds.
	Progress func(Report)
}

func (c Config) withDefaults() Config {
	c.Connections = cmp.Or(c.Connections, 4)
	c.Batch = cmp.Or(c.Batch, 1000)
	c.RetryFor = cmp.Or(c.RetryFor, 30*time.Second)
	if c.Progress == nil {
		c.Progress = func(Report) {}
	}
	return c
}

// replay is the state of one run.
type replay struct {
	cfg   Config
	start time.Time
	work  chan batch
	end   context.CancelCauseFunc // ends the run before the recording does

	mu     sync.Mutex
	report Report
}

// batch holds the reactions of one request, and when the first of them was due.
type batch struct {
	items     []client.Reaction
	reactions int64
	due       time.Duration
	same      map[client.Reaction]int // index in items of a reaction, by the reaction without its count
}

// progressInterval is the time between two calls of Progress.
const progressInterval = 2 * time.Second

// Run sends the reactions of a recording when they are due. If ctx ends it sends no
// more, waits for the answers under way, and returns the report so far with the error
// of ctx. Any other error says why the recording was not sent to its end.
func Run(ctx context.Context, cfg Config, from Recording) (Report, error) {
	r := &replay{cfg: cfg.withDefaults(), start: time.Now(), work: make(chan batch), report: Report{Refused: map[string]int64{}}}
	ctx, r.end = context.WithCancelCause(ctx)
	var started sync.WaitGroup
	for range r.cfg.Connections {
		started.Go(func() {
			for b := range r.work {
				r.send(ctx, b)
			}
		})
	}
	entries, over := make(chan entry, readAhead), make(chan struct{})
	var beside sync.WaitGroup
	beside.Go(func() { read(ctx, from, entries) })
	beside.Go(func() { r.reportProgress(over) })
	err := r.pace(ctx, entries)
	close(r.work)
	started.Wait()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	r.end(nil)
	close(over)
	beside.Wait()
	return r.reportSoFar(), err
}

// reportProgress calls Progress until the run is over.
func (r *replay) reportProgress(over <-chan struct{}) {
	t := time.NewTicker(progressInterval)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			r.cfg.Progress(r.reportSoFar())
		case <-over:
			return
		}
	}
}

// reportSoFar returns a copy of the report.
func (r *replay) reportSoFar() Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.report.copied(time.Since(r.start))
}

// pace dispatches each reaction when it is due. Those that are due together go into one
// batch.
func (r *replay) pace(ctx context.Context, entries <-chan entry) error {
	pace := NewPace(r.cfg.Speed)
	var b batch
	defer func() { r.count(func(p *Report) { p.Unsent += b.reactions }) }() // reactions that are still in the batch at the end
	for {
		e, more := r.next(ctx, entries, &b)
		if !more {
			r.dispatch(ctx, &b)
			return nil
		}
		if bad, ok := errors.AsType[*BadError](e.err); ok {
			r.skip(bad)
			continue
		}
		if e.err != nil {
			r.dispatch(ctx, &b)
			return e.err
		}
		due := pace.Due(e.At)
		if due > time.Since(r.start) {
			r.dispatch(ctx, &b) // this may take until after due
			if sleep.For(ctx, due-time.Since(r.start)) != nil {
				return nil
			}
		}
		r.addToBatch(&b, e.Reaction, due)
		if len(b.items) >= r.cfg.Batch {
			r.dispatch(ctx, &b)
		}
	}
}

// next returns the next entry of the recording. If it does not come within rounding, it
// dispatches the batch meanwhile.
func (r *replay) next(ctx context.Context, entries <-chan entry, b *batch) (e entry, more bool) {
	if ctx.Err() != nil {
		return e, false
	}
	select {
	case e, more = <-entries:
		return e, more
	default:
	}
	t := time.NewTimer(rounding)
	defer t.Stop()
	for {
		select {
		case e, more = <-entries:
			return e, more
		case <-t.C:
			r.dispatch(ctx, b)
		case <-ctx.Done():
			return e, false
		}
	}
}

// addToBatch adds a reaction to the batch. If an equal one is in it, it raises the
// count of that one.
func (r *replay) addToBatch(b *batch, one Reaction, due time.Duration) {
	r.count(func(p *Report) {
		p.Read += int64(one.Count)
		if one.At != math.MinInt64 {
			p.At = max(p.At, one.At)
		}
	})
	if code, reason := refusedUnsent(one.Reaction); code != "" {
		r.refuse(code, reason, int64(one.Count))
		return
	}
	if len(b.items) == 0 {
		b.due, b.same = due, map[client.Reaction]int{}
	}
	b.reactions += int64(one.Count)
	what := client.Reaction{UserID: one.UserID, Emoji: one.Emoji, Timestamp: one.Timestamp, Channel: cmp.Or(r.cfg.Channel, one.Channel)}
	if i, ok := b.same[what]; ok && b.items[i].Count+one.Count <= maxCount {
		b.items[i].Count += one.Count
		return
	}
	b.same[what] = len(b.items)
	what.Count = one.Count
	b.items = append(b.items, what)
}

// refusedUnsent returns code and reason of a refusal if the server would refuse a field
// for its length. Such a reaction is not sent, since it might make its whole batch too
// large.
func refusedUnsent(r wire.Reaction) (code, reason string) {
	switch {
	case len(r.UserID) > wire.MaxUserID:
		return "invalid_user_id", fmt.Sprintf("user_id has %d bytes: 1 to %d are allowed", len(r.UserID), wire.MaxUserID)
	case len(r.Timestamp) > wire.MaxTimestamp:
		return "invalid_timestamp", fmt.Sprintf("timestamp has %d bytes: up to %d are allowed", len(r.Timestamp), wire.MaxTimestamp)
	}
	return "", ""
}

// dispatch gives the batch to a free connection, and empties it. If ctx has ended, it
// leaves the batch as it is.
func (r *replay) dispatch(ctx context.Context, b *batch) {
	if len(b.items) == 0 || ctx.Err() != nil {
		return
	}
	select {
	case r.work <- *b:
		*b = batch{}
	case <-ctx.Done():
	}
}

// send sends a batch. It sends those of its reactions again that were not written,
// until the outcome of all is known or RetryFor is over. It never cuts off a request,
// since only the answer tells the outcome.
func (r *replay) send(ctx context.Context, b batch) {
	if late := time.Since(r.start) - b.due; r.cfg.Speed > 0 {
		r.count(func(p *Report) { p.LateMS = max(p.LateMS, late.Milliseconds()) })
	}
	left := b.items
	for until := time.Now().Add(r.cfg.RetryFor); ; {
		outcomes, err := r.cfg.Server.Send(context.WithoutCancel(ctx), left)
		var reason error
		left, reason = r.settle(left, outcomes, err)
		if len(left) == 0 {
			return
		}
		over := time.Until(until) <= 0
		if !over && sleep.For(ctx, retryAfter(err)) == nil {
			r.count(func(p *Report) { p.Resent += reactions(left) })
			continue
		}
		r.giveUp(reason.Error(), reactions(left))
		if over {
			r.end(fmt.Errorf("not taken for %v: %w", r.cfg.RetryFor, reason))
		}
		return
	}
}

// settle notes the outcomes of a request. It returns the reactions that may be sent
// again, and why they were not written.
func (r *replay) settle(sent []client.Reaction, outcomes []client.Result, err error) (again []client.Reaction, reason error) {
	r.count(func(p *Report) { p.Requests++ })
	if err != nil {
		switch client.OutcomeOf(err) {
		case client.NotWritten:
			r.count(func(p *Report) { p.NotTaken = err.Error() })
			return sent, err
		case client.InDoubt:
			r.doubt(err.Error(), reactions(sent))
		default: // the server refuses the whole request, and would refuse the next one too
			r.refuse(codeOf(err), err.Error(), reactions(sent))
			r.end(err)
		}
		return nil, nil
	}
	accepted := int64(0)
	defer func() {
		r.count(func(p *Report) {
			p.Accepted += accepted
			if p.NotTaken = ""; reason != nil {
				p.NotTaken = reason.Error()
			}
		})
	}()
	for i, o := range outcomes {
		n := int64(sent[i].Count)
		switch o.Outcome() {
		case client.Accepted:
			accepted += n
		case client.NotWritten:
			again, reason = append(again, sent[i]), errors.New(o.Message)
		case client.InDoubt:
			r.doubt(o.Message, n)
		case client.Refused:
			r.refuse(o.Code, o.Message, n)
		}
	}
	return again, reason
}

// codeOf returns the code of a refusal.
func codeOf(err error) string {
	if refused, ok := errors.AsType[*client.RefusalError](err); ok {
		return cmp.Or(refused.Code, fmt.Sprintf("http_%d", refused.Status))
	}
	return "refused"
}

// retryAfter returns how long to wait before sending again what was not written.
func retryAfter(err error) time.Duration {
	if refused, ok := errors.AsType[*client.RefusalError](err); ok && refused.RetryAfter > 0 {
		return min(refused.RetryAfter, time.Minute)
	}
	return time.Second
}

func (r *replay) refuse(code, reason string, n int64) {
	r.count(func(p *Report) {
		if _, known := p.Refused[code]; !known && len(p.Refused) == maxCodes {
			code = "other"
		}
		p.Refused[code] += n
		p.Reason = cmp.Or(p.Reason, reason)
	})
}

// maxCodes is how many codes of refusals are counted separately. A server may invent
// any number of them; the rest are counted together.
const maxCodes = 50

func (r *replay) doubt(reason string, n int64) {
	r.count(func(p *Report) {
		p.InDoubt += n
		p.Reason = cmp.Or(p.Reason, reason)
	})
}

func (r *replay) giveUp(reason string, n int64) {
	r.count(func(p *Report) {
		p.Unsent += n
		p.Reason = cmp.Or(p.Reason, reason)
		p.UnsentNote = cmp.Or(p.UnsentNote, reason)
	})
}

func (r *replay) skip(bad *BadError) {
	r.count(func(p *Report) {
		p.Skipped++
		p.SkipNote = cmp.Or(p.SkipNote, bad.Error())
	})
}

// count lets change modify the report under its lock.
func (r *replay) count(change func(*Report)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.report)
}

func reactions(all []client.Reaction) (n int64) {
	for _, one := range all {
		n += int64(one.Count)
	}
	return n
}
