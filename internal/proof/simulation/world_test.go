package simulation_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// world is a history: the topics, the commits, and who works on them.
type world struct {
	t   *testing.T
	rng *rand.Rand
	set settings

	topics   map[string]*topic
	roles    []*role
	workers  []*worker // alive, or believed to be
	flying   []flight  // what the dead have sent, and what is sent twice
	roster   *roster.Roster
	taps     int       // reactions in the log
	active   int       // partitions of reactions from this one on are silent
	channels int       // those from this one on are silent
	wrote    time.Time // when something was last counted or shown
	faults   faults
	calm     bool // nothing bad happens any more
	events   int
	trace    bool
	hash     uint64 // of all events
	decoded  decoded

	mu       sync.Mutex
	requests []*request // that wait for the adversary
}

// settings are what a history is like.
type settings struct {
	window, lateness, grace       time.Duration
	reactions, reducers, counts   int // partitions
	clusters, servers             int
	steps                         int
	pace                          time.Duration // the most that passes between two events
	fetch                         int           // fewer records than this are read at once
	kills, pauses, zombies, leaps int           // one in so many events; 0: never
	duplicates, lies, silences    int
	skew                          []time.Duration // of the clocks of those who write
}

// faults counts what was done to a history.
type faults struct{ kills, pauses, zombies, repeats, leaps, silences int }

// newSettings draws what a history is like.
func newSettings(rng *rand.Rand) settings {
	rarely := func(n int) int { // never in one history of four
		if rng.IntN(4) == 0 {
			return 0
		}
		return n/2 + rng.IntN(n)
	}
	s := settings{
		window:    200 * time.Millisecond,
		lateness:  time.Duration(1+rng.IntN(1200)) * time.Millisecond,
		grace:     time.Duration(1+rng.IntN(100)) * time.Millisecond,
		reactions: 1 + rng.IntN(3), reducers: 1 + rng.IntN(2), counts: 1 + rng.IntN(2),
		clusters: 1 + rng.IntN(2), servers: 1 + rng.IntN(2),
		steps: 200 + rng.IntN(1000),
		pace:  time.Duration(1+rng.IntN(60)) * time.Millisecond,
		fetch: 2 + rng.IntN(20),
		kills: rarely(60), pauses: rarely(60), zombies: rarely(60), leaps: rarely(500),
		duplicates: rarely(10), lies: rarely(6), silences: rarely(1500),
	}
	for range 1 + rng.IntN(3) {
		// At most half of the lateness ahead: the topic's
		// message.timestamp.after.max.ms refuses more.
		ahead := time.Duration(rng.Int64N(int64(s.lateness/2) + 1))
		if rng.IntN(2) == 0 {
			ahead = -time.Duration(rng.Int64N(int64(3 * s.lateness)))
		}
		s.skew = append(s.skew, ahead)
	}
	return s
}

// once says whether something that happens once in n events happens now.
func (w *world) once(n int) bool { return !w.calm && n > 0 && w.rng.IntN(n) == 0 }

// topic is a topic's partitions.
type topic struct {
	name       string
	partitions []*partition
}

// partition is a log. It remembers everything, but nobody gets what is below
// start any more.
type partition struct {
	start   int64
	records []stream.Record
}

func (p *partition) end() int64 { return int64(len(p.records)) }

func (p *partition) append(records ...stream.Record) {
	for _, r := range records {
		r.Offset = p.end()
		p.records = append(p.records, r)
	}
}

// from returns at most n records from offset on.
func (p *partition) from(offset int64, n int) []stream.Record {
	rest := p.records[offset:]
	return rest[:min(n, len(rest))]
}

// topic returns a topic that it makes if need be.
func (w *world) topic(name string, partitions int) *topic {
	t := w.topics[name]
	if t == nil {
		t = &topic{name: name}
		for range partitions {
			t.partitions = append(t.partitions, &partition{})
		}
		w.topics[name] = t
	}
	return t
}

// The topics of a history, by the names that production gives them.
func (w *world) reactions() *topic { return w.topic(wire.Topics{}.Reactions(), w.set.reactions) }
func (w *world) partials() *topic  { return w.topic(wire.Topics{}.Partials(), w.set.reducers) }
func (w *world) counts() *topic    { return w.topic(wire.Topics{}.Counts(), w.set.counts) }

// request is what a process asks of the log: steps that are taken one after the
// other, with anything between them. The last one tells the process.
type request struct {
	worker *worker
	gaveUp func() bool   // whether the process waits no more
	what   string        // unique among those of a worker that wait at a time
	until  time.Time     // when it is answered at the latest, if ready does not say so before; zero: at once
	ready  func() bool   // whether there is something to answer; nil: yes
	begin  func()        // what happens before the first step; may be nil
	steps  []func()      // of the log
	onWay  bool          // whether a step can be under way: arrive after its process is dead, or twice
	taken  int           // steps
	done   chan struct{} // closed by the last step
}

// due says whether the adversary may go on with a request now.
func (r *request) due(now time.Time) bool {
	return r.taken > 0 || r.ready == nil || r.ready() || !now.Before(r.until)
}

// ask hands a request to the adversary and waits for its end, or for that of the
// process.
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

// flight is a step of a request that happens later, whoever is alive then.
type flight struct {
	request *request
	step    int
	at      time.Time
}

// waiting returns the requests that wait, in an order that does not depend on
// goroutines. Those whose process has given up are let go: what they had not
// done yet may still arrive, or not.
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

// fly lets a step happen within a second or so, but not before what the same
// process has sent before.
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

// land lets happen what is on its way and due.
func (w *world) land() {
	now := time.Now()
	for len(w.flying) > 0 && !w.flying[0].at.After(now) {
		f := w.flying[0]
		w.flying = w.flying[1:]
		w.event("%s arrives: %s %d/%d", f.request.worker, f.request.what, f.step+1, len(f.request.steps))
		f.request.steps[f.step]()
	}
}

// take goes on with a request: one step, or more.
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

// reader reads a partition for a process.
type reader struct {
	worker *worker
	topic  *topic
	number int
	arena  [][]byte // of the last answer
	spoilt []byte   // what these become
}

// Fetch implements stream.Reader: what it returned is destroyed at the next one,
// since its bytes are the reader's again.
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
	var gone error
	err := (&request{
		worker: r.worker, what: "fetch " + r.topic.name + "/" + strconv.Itoa(r.number),
		until: time.Now().Add(max(wait, time.Millisecond)),
		ready: func() bool { return offset < p.start || offset < p.end() },
		steps: []func(){
			func() { gone = r.answer(&b, p, offset) },
			func() {
				w.event("  from %d: %d records, next %d of %d", offset, len(b.Records), b.Next, b.HighWatermark)
			},
		},
	}).ask(ctx)
	if err == nil {
		err = gone
	}
	return b, err
}

// answer is the broker's part of a fetch.
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
		rec.Key, rec.Value = r.copy(rec.Key), r.copy(rec.Value)
		b.Records = append(b.Records, rec)
		b.Next = rec.Offset + 1
	}
	b.HighWatermark = p.end()
	if w.once(w.set.lies) { // a broker may be behind
		b.HighWatermark = b.Next + w.rng.Int64N(p.end()-b.Next+1)
	}
	return nil
}

func (r *reader) copy(b []byte) []byte {
	c := bytes.Clone(b)
	r.arena = append(r.arena, c)
	return c
}

// writer appends to a topic for a process.
type writer struct {
	worker *worker
	topic  *topic
}

// Write implements stream.Writer: in one piece, or in several with anything
// between them, and each of them perhaps once more later.
func (o writer) Write(ctx context.Context, number int, records []stream.Record) error {
	w := o.worker.world
	r := &request{worker: o.worker, what: "write " + o.topic.name + "/" + strconv.Itoa(number), onWay: true}
	r.begin = func() {
		o.worker.remember(o.topic, records)
		for _, piece := range w.cut(records) {
			r.steps = append(r.steps, func() {
				o.topic.partitions[number].append(piece...)
				if o.topic != w.partials() { // which never cease: each window is reported
					w.wrote = time.Now()
				}
			})
		}
		r.steps = append(r.steps, func() {})
	}
	return r.ask(ctx)
}

// cut divides records into the batches that they travel in.
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

// committer stores the commits of a claim.
type committer struct {
	worker *worker
}

// Commit implements stream.Committer. One whose claim has passed to another is
// told so, sooner or later.
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
