// Package trace follows single reactions through a pipeline, and tells where each is
// and how long each hop took.
//
// A reaction is not marked on its way: it becomes part of counts. That a count holds
// it is concluded, exactly, from what counts promise, which is that they only grow:
//
//   - A partial holds the reaction if it is of its partition, window and channel, and
//     its range of offsets covers the record's.
//   - A count of emoji-aggregated holds it once it reaches the sum, over all partitions,
//     of what the partials known by then said of its emoji. Reducers read the same
//     partials in the same order: before that one the sum was smaller by one at least.
//   - A swarm holds it once its total reaches the sum of the greatest counts of the
//     window known when the count was read, by the same argument.
//
// Where nobody writes partials, as with a Spark job in aggregate's place, the window is
// that of the record's time, as long as the counts' windows are, and the count must
// reach the number of such reactions in the log so far. A job that assigns windows by
// another time may fall short of that; then the window's last count is taken for it.
//
// The times of the log's readers are those at which whoever calls has read a record. So
// all hops from the log on are by one clock. Tracer is pure: it does no I/O and reads no
// clock. Follow feeds one from Kafka.
package trace

import (
	"math"
	"time"

	"github.com/emostream/emostream/internal/audit"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// Config says what to follow. It is useful at its zero value.
type Config struct {
	// Wants says which reactions to follow; nil: all.
	Wants func(wire.Told) bool
	// Most is how many are followed at once; default 10,000. When more are under way
	// only every second is followed, or every fourth and so on.
	Most int
	// Patience is how long a reaction may stay where it is, beyond its window's end,
	// before it is given up as stuck; default 30 s.
	Patience time.Duration
	// End, if set, is how many are followed to their end, whatever that is.
	End int64
	// Partials says that the counting tells in emoji-partials what it holds.
	Partials bool
	// Began is the time from which on all of emoji-topic is read, ms. Where there are
	// no partials, windows that began before cannot be followed.
	Began int64
}

// Bounds of what is kept.
const (
	defaultMost     = 10_000
	defaultPatience = 30 * time.Second
	keep            = int64(time.Minute / time.Millisecond) // ms, of windows that nobody waits for
	mostNumbers     = 500_000                               // in all groups together
)

// What aggregate counts by unless it says something else.
const (
	usualWindow   = 2000  // ms
	usualLateness = 10000 // ms
)

// Tracer follows reactions. Its owner hands over every record of each topic in the
// order of its partitions, with the time at which it was read in µs since the Unix
// epoch, and calls Tick and Finished now and then. It is not safe for concurrent use.
type Tracer struct {
	cfg        Config
	settings   wire.Settings
	watermarks map[int]int64 // by partition of emoji-topic, ms

	all      map[*follow]bool
	stride   int64                // of those wanted one in so many is followed
	uncount  map[source][]*follow // those that no partial held yet
	groups   map[groupKey]*group
	clusters map[string]bool
	servers  map[string]bool // whether they are waited for

	sums     sums
	finished []Journey
	shown    [shownAtOnce]*follow
	shownAt  int64 // when the last of them was chosen, µs
}

// source is where a partial is from.
type source struct {
	partition int
	channel   string
}

// follow is a reaction that is followed.
type follow struct {
	Journey
	n         int64 // of those wanted
	time      int64 // the record's, ms
	watermark int64 // of its partition before it
	since     int64 // when it came where it is, µs
	need      int64 // the count that holds it
	total     int64 // the swarm's total that does
	group     *group
	over      bool // done, stuck or not followed any more
}

// New returns a tracer that follows nothing yet.
func New(cfg Config) *Tracer {
	if cfg.Most <= 0 {
		cfg.Most = defaultMost
	}
	if cfg.Patience <= 0 {
		cfg.Patience = defaultPatience
	}
	return &Tracer{
		cfg: cfg, settings: wire.Settings{WindowMS: usualWindow, LatenessMS: usualLateness},
		watermarks: map[int]int64{}, all: map[*follow]bool{}, stride: 1, uncount: map[source][]*follow{},
		groups: map[groupKey]*group{}, clusters: map[string]bool{}, servers: map[string]bool{}, sums: newSums(),
	}
}

// Cluster says that there is a cluster's topic, which reactions are to get to.
func (t *Tracer) Cluster(topic string) { t.clusters[topic] = true }

// Server says that there is a subscriber server's topic. One that is silent is not
// waited for until it speaks.
func (t *Tracer) Server(topic string, silent bool) { t.servers[topic] = !silent }

// HasPartials says that emoji-partials is there now.
func (t *Tracer) HasPartials() { t.cfg.Partials = true }

// Reaction takes in a record of a partition of emoji-topic.
func (t *Tracer) Reaction(partition int, r stream.Record, at int64) {
	before, known := t.watermarks[partition]
	if !known {
		before = audit.Never
	}
	t.watermarks[partition] = max(before, r.Time)
	told, err := wire.DecodeTold(r.Value)
	if err != nil {
		t.sums.skipped++
		return
	}
	f := follow{time: r.Time, watermark: before, since: at}
	f.Journey = Journey{Partition: partition, Offset: r.Offset, Channel: wire.MainChannel}
	if len(told.Channel) > 0 {
		f.Channel = string(told.Channel)
	}
	f.At[Accepted], f.At[Logged] = r.Time*1000, at
	traceable := t.cfg.Partials || t.number(&f, string(told.Emoji))
	if t.cfg.Wants != nil && !t.cfg.Wants(told) || !t.admit(&f, traceable) {
		return
	}
	f.User, f.Emoji = string(told.UserID), string(told.Emoji)
	if tapped, err := time.Parse(time.RFC3339, string(told.Timestamp)); err == nil {
		f.At[Tap] = tapped.UnixMicro()
	}
	t.begin(&f, at)
}

// number says which of its window's reactions of its emoji this one is, where no
// partials tell; false if that cannot be known.
func (t *Tracer) number(f *follow, emoji string) bool {
	f.WindowEnd, _ = audit.Assign(t.settings, f.time, audit.Never)
	if f.WindowEnd-t.settings.WindowMS < t.cfg.Began {
		return false
	}
	f.group = t.group(groupKey{f.WindowEnd, f.Channel})
	c := f.group.cell(emoji)
	c.seen++
	f.need = c.seen
	return true
}

// admit says whether one more is followed. When too many are under way, half of them
// are let go, and of those to come too: evenly, so that what is left tells of all.
func (t *Tracer) admit(f *follow, traceable bool) bool {
	f.n = t.sums.wanted
	t.sums.wanted++
	if len(t.all) >= t.cfg.Most {
		t.stride *= 2
		for o := range t.all {
			if o.n%t.stride != 0 {
				t.drop(o)
			}
		}
	}
	if !traceable || f.n%t.stride != 0 || len(t.all) >= t.cfg.Most {
		t.sums.notFollowed++
		return false
	}
	return true
}

func (t *Tracer) begin(f *follow, at int64) {
	t.all[f] = true
	t.sums.followed++
	t.show(f, at)
	if !t.cfg.Partials {
		f.group.live++
		t.await(f)
		return
	}
	if g := t.groups[groupKey{t.window(f), f.Channel}]; g != nil && g.holds(f.Partition, f.Offset) {
		t.counted(f, g)
		return
	}
	from := source{f.Partition, f.Channel}
	t.uncount[from] = append(t.uncount[from], f)
}

// window is the end of the window that the counting puts a reaction into.
func (t *Tracer) window(f *follow) int64 {
	end, _ := audit.Assign(t.settings, f.time, f.watermark)
	return end
}

// Progress takes in a record of emoji-partials.
func (t *Tracer) Progress(r stream.Record, at int64) {
	p, err := wire.DecodeProgress(r.Value)
	switch {
	case err != nil:
		t.sums.unreadable++
	case p.Mark != nil:
		if p.Mark.WindowMS > 0 && p.Mark.LatenessMS > 0 {
			t.settings = p.Mark.Settings
		}
	default:
		t.partial(p.Partial, at)
	}
}

func (t *Tracer) partial(p *wire.Partial, at int64) {
	g := t.group(groupKey{p.End, p.Channel})
	if !g.widen(p, at) {
		return
	}
	from := source{p.Partition, p.Channel}
	left := t.uncount[from][:0]
	for _, f := range t.uncount[from] {
		switch {
		case f.over:
		case g.holds(p.Partition, f.Offset) && t.window(f) == p.End:
			t.counted(f, g)
		default:
			left = append(left, f)
		}
	}
	t.uncount[from] = rest(t.uncount[from], left)
	if len(left) == 0 {
		delete(t.uncount, from)
	}
}

// counted notes that a partial holds a reaction.
func (t *Tracer) counted(f *follow, g *group) {
	f.group, f.WindowEnd = g, g.end
	g.live++
	f.At[Counted] = g.partAt[f.Partition]
	f.since = f.At[Counted]
	f.need = g.sum(f.Emoji)
	t.await(f)
}

// await waits for the count that holds a reaction, if it was not read before.
func (t *Tracer) await(f *follow) {
	c := f.group.cell(f.Emoji)
	if c.count.n >= f.need {
		t.aggregated(f, c.count.at)
		return
	}
	c.waiting = append(c.waiting, f)
}

// Count takes in a record of emoji-aggregated.
func (t *Tracer) Count(r stream.Record, at int64) {
	n, err := wire.DecodeCount(r.Value)
	if err != nil {
		t.sums.unreadable++
		return
	}
	if length := n.Window.End - n.Window.Start; !t.cfg.Partials && length != t.settings.WindowMS {
		t.relearn(length, at)
	}
	g := t.group(groupKey{n.Window.End, n.Channel})
	c := g.cell(n.Emoji)
	if n.Count <= c.count.n {
		return
	}
	g.total += n.Count - c.count.n
	c.count = known{n.Count, at}
	left := c.waiting[:0]
	for _, f := range c.waiting {
		switch {
		case f.over || f.At[Aggregated] != 0:
		case f.need <= n.Count:
			t.aggregated(f, at)
		default:
			left = append(left, f)
		}
	}
	c.waiting = rest(c.waiting, left)
}

// relearn begins anew with windows of another length: what was numbered by the wrong
// ones cannot be followed.
func (t *Tracer) relearn(length, at int64) {
	t.settings.WindowMS = length
	for f := range t.all {
		t.drop(f)
	}
	t.groups = map[groupKey]*group{}
	t.cfg.Began = at / 1000
}

// aggregated notes that a count holds a reaction.
func (t *Tracer) aggregated(f *follow, at int64) {
	g := f.group
	f.At[Aggregated], f.since, f.total = at, at, g.total
	for topic, s := range g.swarms {
		if s.n >= f.total {
			t.reached(f, topic, s.at)
		}
	}
	if t.arrived(f) {
		t.finish(f)
		return
	}
	g.spread = append(g.spread, f)
}

// Swarm takes in a record of a cluster's or a subscriber server's topic.
func (t *Tracer) Swarm(topic string, r stream.Record, at int64) {
	if _, ok := t.servers[topic]; ok {
		t.servers[topic] = true
	}
	s, err := wire.DecodeSwarm(r.Value)
	if err != nil {
		t.sums.unreadable++
		return
	}
	g := t.group(groupKey{s.Window.End, s.Channel})
	old := g.swarms[topic]
	if s.Total <= old.n {
		return
	}
	g.swarms[topic] = known{s.Total, at}
	left := g.spread[:0]
	for _, f := range g.spread {
		if f.over {
			continue
		}
		if old.n < f.total && f.total <= s.Total {
			t.reached(f, topic, at)
		}
		if t.arrived(f) {
			t.finish(f)
			continue
		}
		left = append(left, f)
	}
	g.spread = rest(g.spread, left)
}

// reached notes that a topic's swarm holds a reaction.
func (t *Tracer) reached(f *follow, topic string, at int64) {
	f.since = max(f.since, at)
	earlier := func(s Stage) {
		if f.At[s] == 0 || at < f.At[s] {
			f.At[s] = at
		}
	}
	if t.clusters[topic] {
		earlier(Clustered)
		return
	}
	earlier(Subscribed)
	f.At[Everywhere] = max(f.At[Everywhere], at)
}

// arrived says whether a reaction is wherever it is to get to.
func (t *Tracer) arrived(f *follow) bool {
	return (len(t.clusters) == 0 || f.At[Clustered] != 0) && (len(t.servers) == 0 || f.At[Subscribed] != 0) && len(t.missing(f)) == 0
}

// missing are the servers that a reaction did not get to and is waited for at.
func (t *Tracer) missing(f *follow) (topics []string) {
	for topic, awaited := range t.servers {
		if awaited && f.group.swarms[topic].n < f.total {
			topics = append(topics, topic)
		}
	}
	return topics
}

func (t *Tracer) group(k groupKey) *group {
	g := t.groups[k]
	if g == nil {
		g = newGroup(k)
		t.groups[k] = g
	}
	return g
}

// rest is what is left of a list that was filtered in place.
func rest(all, left []*follow) []*follow {
	clear(all[len(left):])
	return left
}

// Tick gives up what is stuck, and forgets what nobody waits for.
func (t *Tracer) Tick(now int64) {
	for f := range t.all {
		if now-max(f.since, t.due(f)*1000) > t.cfg.Patience.Microseconds() {
			t.giveUp(f)
		}
	}
	if t.stride > 1 && len(t.all) < t.cfg.Most/8 {
		t.stride /= 2
	}
	t.forget(now / 1000)
}

// due is the end of a reaction's window, as far as it is known.
func (t *Tracer) due(f *follow) int64 {
	if f.WindowEnd != 0 {
		return f.WindowEnd
	}
	return t.window(f)
}

// giveUp ends the following of a reaction that is stuck. A server that alone has not
// got it is not waited for again until it speaks.
func (t *Tracer) giveUp(f *follow) {
	if c := t.last(f); c != nil {
		t.aggregated(f, c.count.at)
		return
	}
	if f.At[Subscribed] != 0 {
		for _, topic := range t.missing(f) {
			t.servers[topic] = false
		}
	}
	f.Stuck = true
	t.finish(f)
}

// last is the last count of a reaction's window where its number was never reached,
// because somebody else's rule puts reactions near a boundary into other windows.
func (t *Tracer) last(f *follow) *cell {
	if f.group == nil || f.At[Counted] != 0 || f.At[Aggregated] != 0 {
		return nil
	}
	if c := f.group.cells[f.Emoji]; c != nil && c.count.at >= f.At[Logged] {
		return c
	}
	return nil
}

// finish ends the following of a reaction.
func (t *Tracer) finish(f *follow) {
	f.straighten()
	t.leave(f)
	if t.Ended() {
		return
	}
	t.sums.finish(&f.Journey)
	t.finished = append(t.finished, f.Journey)
}

// Ended says whether as many have come to their end as were asked for.
func (t *Tracer) Ended() bool { return t.cfg.End > 0 && t.sums.done+t.sums.stuck >= t.cfg.End }

// drop stops following a reaction, which tells nothing then.
func (t *Tracer) drop(f *follow) {
	t.leave(f)
	t.sums.followed--
	t.sums.notFollowed++
}

func (t *Tracer) leave(f *follow) {
	f.over = true
	delete(t.all, f)
	if f.group != nil {
		f.group.live--
	}
}

// forget lets groups go that nobody waits for, and the oldest when there are too many.
func (t *Tracer) forget(now int64) {
	numbers, oldest := 0, int64(math.MaxInt64)
	for k, g := range t.groups {
		if g.live == 0 && k.end < now-keep {
			delete(t.groups, k)
			continue
		}
		g.tidy()
		numbers += g.size()
		oldest = min(oldest, k.end)
	}
	for from, list := range t.uncount {
		if t.uncount[from] = tidied(list); len(t.uncount[from]) == 0 {
			delete(t.uncount, from)
		}
	}
	if numbers > mostNumbers {
		t.evict(oldest)
		t.forget(now)
	}
}

// evict forgets all of a window.
func (t *Tracer) evict(end int64) {
	for f := range t.all {
		if f.group != nil && f.group.end == end {
			t.drop(f)
		}
	}
	for k := range t.groups {
		if k.end == end {
			delete(t.groups, k)
		}
	}
}

// tidy lets those go that are not followed any more.
func (g *group) tidy() {
	g.spread = tidied(g.spread)
	for _, c := range g.cells {
		c.waiting = tidied(c.waiting)
	}
}

func tidied(list []*follow) []*follow {
	left := list[:0]
	for _, f := range list {
		if !f.over {
			left = append(left, f)
		}
	}
	return rest(list, left)
}
