package controls

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/emostream/emostream/internal/passedover"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// Follow reads the topic of controls, from offset on, into the table, until ctx ends;
// then it returns nil. end is where the topic ended when the caller began. Once Follow
// has read up to it, it calls ready, which may be nil. Records that cannot be controls are
// reported to over. What the table has from an earlier Follow stays in force until all is
// read; then what was not read again has ended. offset must be where the topic begins.
//
// If the topic could not be read for an hour, Follow returns ErrAway. If the topic was deleted
// and made anew, the table begins anew as well.
func (t *Table) Follow(ctx context.Context, log stream.Reader, offset, end int64, topic string, over *passedover.Reporter, ready func()) error {
	looking, stop := context.WithCancel(ctx)
	looked := make(chan struct{})
	go func() {
		defer close(looked)
		t.keepLooking(looking)
	}()
	defer func() { <-looked }()
	defer stop()
	t.mu.Lock()
	t.reading++
	t.mu.Unlock()
	following, leave := context.WithCancelCause(ctx)
	defer leave(nil)
	answered := wallClock() // when the log last answered
	err := stream.Follow(following, resetting{log, t}, offset, end, func(b stream.Batch) {
		now := wallClock()
		if away := now.Sub(answered); away >= maxAway {
			leave(ErrAway)
		}
		if answered = now; following.Err() != nil {
			return
		}
		over.Batch(topic, 0, b)
		for _, rec := range b.Records {
			if err := t.Apply(rec, time.Now()); err != nil {
				over.Record(topic, 0, rec.Offset, err)
			}
		}
	}, func() {
		t.announce()
		if ready != nil {
			ready()
		}
	})
	switch {
	case err != nil:
		return fmt.Errorf("follow the controls: %w", err)
	case ctx.Err() == nil:
		return context.Cause(following)
	}
	return nil
}

// ErrAway says that the topic could not be read for so long that records may be gone which
// said that something has ended: it must be read again from its start.
var ErrAway = errors.New("the controls could not be read for an hour")

// maxAway is less than how long Kafka keeps such records, a day by default.
const maxAway = time.Hour

// wallClock returns the time by a clock that goes on while the machine sleeps.
func wallClock() time.Time { return time.Now().Round(0) }

// announce lets the log know how much is in force when all of the topic has been read, and
// from then on of every change.
func (t *Table) announce() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forgetUnread()
	if n := len(t.inForce(time.Now())); n > 0 && t.Logger != nil {
		t.Logger.Info("controls are in force", "controls", n)
	}
	t.log.to = t.Logger
}

// keepLooking looks every second whether the time of something is over.
func (t *Table) keepLooking(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			t.look(time.Now())
		}
	}
}

// resetting is a log that empties a table when it is another log than before.
type resetting struct {
	stream.Reader
	table *Table
}

func (r resetting) Fetch(ctx context.Context, offset int64, wait time.Duration) (stream.Batch, error) {
	b, err := r.Reader.Fetch(ctx, offset, wait)
	if gone, ok := errors.AsType[*stream.OutOfRangeError](err); ok && gone.Replaced() {
		r.table.mu.Lock()
		r.table.reset()
		r.table.mu.Unlock()
	}
	return b, err
}

// CheckRecord returns why a record is neither one of a control nor the end of one, or nil.
func CheckRecord(rec stream.Record) error {
	_, err := decode(rec)
	return err
}

// Apply takes a record of the topic in. It returns an error if it cannot be one of a control.
func (t *Table) Apply(rec stream.Record, now time.Time) error {
	c, err := decode(rec)
	if err != nil {
		return err
	}
	if len(rec.Value) == 0 {
		t.end(key{c.Kind, c.Name}, rec, now)
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.all[c.Kind][c.Name]
	if err := t.set(c, rec.Offset, now); err != nil {
		return err
	}
	t.log.add(c, string(c.State), now)
	t.answer(rec, before)
	return nil
}

// end takes in a record that ends a control. One that was written because the time of an
// earlier record is over does not end a control that was set after that.
func (t *Table) end(k key, rec stream.Record, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, known := t.all[k.kind][k.name]
	if of, conditional := endedOffset(rec); conditional && known && of != e.offset {
		if t.overtaken == nil {
			t.overtaken = map[key]Control{}
		}
		t.overtaken[k] = e.Control
		return
	}
	t.remove(k.kind, k.name)
	if known && !e.over {
		t.log.add(e.Control, "ended", now)
	}
	t.answer(rec, e)
}

// endedOffset returns the offset of the record that a record ends because its time is
// over; false: it ends whatever is there.
func endedOffset(rec stream.Record) (offset int64, ok bool) {
	for _, h := range rec.Headers {
		if h.Key == wire.HeaderEnded {
			n, err := strconv.ParseInt(string(h.Value), 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
