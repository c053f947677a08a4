package controls

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// Editor changes what is in force. Of two who change the same thing at once, the later one
// in the topic wins. It is safe for concurrent use.
type Editor struct {
	Table *Table        // which follows the topic
	Topic stream.Writer // emostream-controls
}

// ErrFull says that there are as many controls of a kind as a table takes.
var ErrFull = errors.New("there are too many controls")

// Set lets a control be in force from now on. When it returns nil, the table has it.
// before is what was in force until then; there was nothing if its Kind is empty.
func (e *Editor) Set(ctx context.Context, c Control) (before Control, err error) {
	c, err = Clean(c)
	if err != nil {
		return Control{}, err
	}
	now := time.Now()
	if !e.Table.hasRoomFor(c, now) {
		return Control{}, fmt.Errorf("%w of the kind %s: %d are taken, and some must be ended first", ErrFull, c.Kind, MaxOfKind)
	}
	w := c.Wire()
	return e.write(ctx, stream.Record{Time: now.UnixMilli(), Key: w.Key(), Value: w.Encode()})
}

// Remove ends what is in force for a channel, user or emoji, if anything is. When it
// returns nil, the table has it no more. before is what was in force until then; there was
// nothing if its Kind is empty.
func (e *Editor) Remove(ctx context.Context, kind Kind, name string) (before Control, err error) {
	name, err = CleanName(kind, name)
	if err != nil {
		return Control{}, err
	}
	// The record is written even if the table has nothing, since the table may be behind.
	return e.write(ctx, stream.Record{Time: time.Now().UnixMilli(), Key: wire.Control{Kind: string(kind), Name: name}.Key()})
}

// write writes a record and waits until the table has read it.
func (e *Editor) write(ctx context.Context, rec stream.Record) (before Control, err error) {
	w := e.Table.await(rec)
	defer e.Table.forget(w)
	if err := e.Topic.Write(ctx, 0, []stream.Record{rec}); err != nil {
		return Control{}, err
	}
	select {
	case before := <-w.read:
		if before.Over(time.Now()) {
			return Control{}, nil
		}
		return before, nil
	case <-ctx.Done():
		return Control{}, ctx.Err()
	}
}

// waiter waits until the table has read a record.
type waiter struct {
	record stream.Record
	read   chan Control // what was in force before; has room for one
}

// await returns a waiter for a record that is to be written.
func (t *Table) await(rec stream.Record) *waiter {
	w := &waiter{rec, make(chan Control, 1)}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting == nil {
		t.waiting = map[*waiter]bool{}
	}
	t.waiting[w] = true
	return w
}

func (t *Table) forget(w *waiter) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.waiting, w)
}

// answer tells those who wait for a record, or for one that says the same, that it was
// read. t.mu is held.
func (t *Table) answer(rec stream.Record, before entry) {
	for w := range t.waiting {
		if bytes.Equal(w.record.Key, rec.Key) && bytes.Equal(w.record.Value, rec.Value) {
			w.read <- before.Control
			delete(t.waiting, w)
		}
	}
}

func (t *Table) hasRoomFor(c Control, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	of := t.all[c.Kind]
	_, known := of[c.Name]
	return known || len(of) < MaxOfKind || t.forgetOver(c.Kind, now)
}

// Sweep writes an end for each control whose time was over at before, so that compaction
// removes it from the topic. It returns how many it has written.
//
// Somebody may set a control anew while its end is on the way. Readers pass such an end
// over, but compaction would leave nothing else. So Sweep writes a control again that it
// knows to be overtaken by the end of the one before.
func (e *Editor) Sweep(ctx context.Context, before time.Time) (int, error) {
	records := e.Table.toSweep(before)
	if len(records) == 0 {
		return 0, nil
	}
	return len(records), e.Topic.Write(ctx, 0, records)
}

func (t *Table) toSweep(before time.Time) (records []stream.Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now().UnixMilli()
	for _, of := range t.all {
		for _, e := range of {
			if e.Over(before) {
				ends := stream.Header{Key: wire.HeaderEnded, Value: strconv.AppendInt(nil, e.offset, 10)}
				records = append(records, stream.Record{Time: now, Key: e.Wire().Key(), Headers: []stream.Header{ends}})
			}
		}
	}
	for _, c := range t.overtaken {
		records = append(records, stream.Record{Time: now, Key: c.Wire().Key(), Value: c.Wire().Encode()})
	}
	return records
}
