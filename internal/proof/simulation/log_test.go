package simulation_test

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

// topic is a topic of the model.
type topic struct {
	name       string
	partitions []*partition
}

// partition is the log of a partition. It keeps all records for the checks; processes
// get only records whose offset is start or more.
type partition struct {
	start   int64
	records []stream.Record
	strange map[int64]strangeness // by offset; records of other programs that count for nothing
	open    []int64               // the offsets of a transaction that is open
}

// strangeness says what becomes of a record of another program.
type strangeness int

const (
	foreign    strangeness = 1 + iota // it is read, and is none of ours
	unreadable                        // it is in a batch that cannot be read
	aborted                           // it was taken back
)

// stable returns the offset before which records can be read.
func (p *partition) stable() int64 {
	if len(p.open) > 0 {
		return p.open[0]
	}
	return p.end()
}

// own returns the records that are not strange.
func (p *partition) own() (own []stream.Record) {
	for _, r := range p.records {
		if p.strange[r.Offset] == 0 {
			own = append(own, r)
		}
	}
	return own
}

func (p *partition) end() int64 { return int64(len(p.records)) }

func (p *partition) append(records ...stream.Record) {
	for _, r := range records {
		r.Offset = p.end()
		p.records = append(p.records, r)
	}
}

// from returns at most n records, beginning at offset.
func (p *partition) from(offset int64, n int) []stream.Record {
	rest := p.records[offset:]
	return rest[:min(n, len(rest))]
}

// topic returns the topic with a name. If there is none, it makes one.
func (w *world) topic(name string, partitions int) *topic {
	t := w.topics[name]
	if t == nil {
		t = &topic{name: name}
		for range partitions {
			t.partitions = append(t.partitions, &partition{strange: map[int64]strangeness{}})
		}
		w.topics[name] = t
	}
	return t
}

// The topics of every history, with the names that production gives them.
func (w *world) reactions() *topic { return w.topic(wire.Topics{}.Reactions(), w.set.reactions) }
func (w *world) partials() *topic  { return w.topic(wire.Topics{}.Partials(), w.set.reducers) }
func (w *world) counts() *topic    { return w.topic(wire.Topics{}.Counts(), w.set.counts) }

// reader is the stream.Reader of a process for one partition.
type reader struct {
	worker *worker
	topic  *topic
	number int
	arena  [][]byte // the bytes of the last answer
	spoilt []byte   // bytes to overwrite them with
}

// Fetch implements stream.Reader. It overwrites the bytes of the last answer, which a
// caller may no longer use.
func (r *reader) Fetch(ctx context.Context, offset int64, wait time.Duration) (stream.Batch, error) {
	for _, b := range r.arena {
		if len(b) > len(r.spoilt) {
			r.spoilt = bytes.Repeat([]byte{'#'}, 2*len(b))
		}
		copy(b, r.spoilt)
	}
	r.arena = r.arena[:0]
	w, p := r.worker.world, r.topic.partitions[r.number]
	b := stream.Batch{Next: offset, SentAt: time.Now()}
	var outOfRange error
	err := (&request{
		worker: r.worker, what: "fetch " + r.topic.name + "/" + strconv.Itoa(r.number),
		until: time.Now().Add(max(wait, time.Millisecond)),
		ready: func() bool { return offset < p.start || offset < p.stable() },
		steps: []func(){
			func() { outOfRange = r.answer(&b, p, offset) },
			func() {
				w.event("  from %d: %d records, next %d of %d", offset, len(b.Records), b.Next, b.HighWatermark)
			},
		},
	}).ask(ctx)
	if err == nil {
		err = outOfRange
	}
	return b, err
}

// errUnreadable is why a batch is skipped.
var errUnreadable = errors.New("unreadable")

// answer fills b as a broker answers a fetch.
func (r *reader) answer(b *stream.Batch, p *partition, offset int64) error {
	w := r.worker.world
	if offset < p.start || offset > p.end() {
		return &stream.OutOfRangeError{Topic: r.topic.name, Partition: r.number, Offset: offset, Start: p.start, End: p.end()}
	}
	n := 1000
	if !w.calm {
		n = w.rng.IntN(w.set.fetch)
	}
	for _, rec := range p.from(offset, n) {
		if rec.Offset >= p.stable() {
			break
		}
		b.Next = rec.Offset + 1
		if how := p.strange[rec.Offset]; how > foreign {
			if how == unreadable {
				b.Skipped = append(b.Skipped, stream.Skipped{From: rec.Offset, To: rec.Offset + 1, Reason: errUnreadable})
			}
			continue
		}
		rec.Key, rec.Value = r.copy(rec.Key), r.copy(rec.Value)
		b.Records = append(b.Records, rec)
	}
	b.HighWatermark = p.end()
	if w.once(w.set.staleAnswers) { // a broker may not yet know the newest records
		b.HighWatermark = b.Next + w.rng.Int64N(p.end()-b.Next+1)
	}
	b.Unstable = max(0, b.HighWatermark-p.stable())
	return nil
}

func (r *reader) copy(b []byte) []byte {
	c := bytes.Clone(b)
	r.arena = append(r.arena, c)
	return c
}

// writer is the stream.Writer of a process for one topic.
type writer struct {
	worker *worker
	topic  *topic
}

// Write implements stream.Writer. It appends the records in one or more pieces, between
// which anything may happen. A piece may be appended once more, later.
func (o writer) Write(ctx context.Context, number int, records []stream.Record) error {
	w := o.worker.world
	r := &request{worker: o.worker, what: "write " + o.topic.name + "/" + strconv.Itoa(number), onWay: true}
	r.begin = func() {
		o.worker.checkGrows(o.topic, records)
		for _, piece := range w.cut(records) {
			r.steps = append(r.steps, func() {
				o.topic.partitions[number].append(piece...)
				if o.topic != w.partials() { // marks are written for ever, even when nothing else happens
					w.lastWrite = time.Now()
				}
			})
		}
		r.steps = append(r.steps, func() {})
	}
	return r.ask(ctx)
}

// cut divides records into the batches in which they are appended.
func (w *world) cut(records []stream.Record) (pieces [][]stream.Record) {
	for len(records) > 0 {
		n := len(records)
		if w.rng.IntN(4) == 0 {
			n = 1 + w.rng.IntN(n)
		}
		pieces = append(pieces, records[:n:n])
		records = records[n:]
	}
	return pieces
}

// committer is the stream.Committer of a process.
type committer struct {
	worker *worker
}

// Commit implements stream.Committer. If the claim has passed to another process, three
// of four commits are fenced. The fourth is stored, since that must do no harm.
func (o committer) Commit(ctx context.Context, c stream.Commit) error {
	w, role := o.worker.world, o.worker.role
	var fenced, stored bool
	err := (&request{
		worker: o.worker, what: "commit", onWay: true,
		steps: []func(){
			func() {
				if fenced = role.holder != o.worker && w.rng.IntN(4) > 0; !fenced {
					w.event("  %d %s", c.Offset, c.Metadata)
					role.commit = c
					if !stored {
						stored, o.worker.commit = true, c
					}
				}
			},
			func() {},
		},
	}).ask(ctx)
	if err == nil && fenced {
		return fmt.Errorf("commit: %w", stream.ErrFenced)
	}
	return err
}
