package broker

import (
	"encoding/binary"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/emostream/emostream/internal/wire"
)

// Consumer is a consumer group for which the broker keeps the records of a topic: it
// removes nothing that the group has not committed. That holds from the group's first
// commit on, until somebody deletes the group.
type Consumer struct {
	Topic, Group string
	// Bounded says that the broker refuses records of a partition when the group has
	// left as many of its bytes unread as the partition may hold. Otherwise they could
	// fill the disk.
	Bounded bool
}

// DefaultConsumers are those of an installation without prefixes.
func DefaultConsumers() []Consumer {
	return ConsumersOf(wire.Topics{}, "emostream-")
}

// ConsumersOf returns the consumers of an installation. Only reactions are refused when
// there are too many: partials come of them, and what comes of them is what lets
// aggregate go on.
func ConsumersOf(names wire.Topics, groupPrefix string) []Consumer {
	return []Consumer{{names.Reactions(), groupPrefix + "combine", true}, {names.Partials(), groupPrefix + "reduce", false}}
}

// errFull answers a write that is refused because the partition is full. Producers do
// not try again by themselves.
var errFull = &kerr.Error{
	Message: "the log is full of records that emostream aggregate has not counted",
	Code:    kerr.PolicyViolation.Code, Description: kerr.PolicyViolation.Description,
}

// watchInterval is how often the broker looks how far consumers are.
const watchInterval = time.Second

// partitionKey names a partition.
type partitionKey struct {
	topic     string
	partition int32
}

// uncommitted keeps what consumer groups have not committed. Its door refuses writes of
// reactions when there are too many of these, and holds all writes back for the moment
// in which kfake removes old records: kfake does not know what is committed.
type uncommitted struct {
	b    *Broker
	logs map[partitionKey]*partitionLog // of all partitions

	guarded map[partitionKey]bool // partitions for which the door is in place

	replaced bool // a topic was deleted, or made anew, since this was last set to false

	mu     sync.Mutex
	seen   map[partitionKey]bool  // partitions that were written to
	room   map[partitionKey]int64 // bytes that may still be written to a bounded partition, until the next measure
	old    map[partitionKey]bool  // the partition has uncommitted records with a time long before they were written
	full   map[partitionKey]bool  // writes were refused since the last measure
	warned map[partitionKey]bool
	ages   map[string]time.Duration // how long topics keep records; below 0: for ever
	shut   bool                     // kfake removes records
	noDisk bool                     // the disk is full
	used   float64                  // of the fullest bounded partition, at the last measure: the part of its bound that it uses
}

func newUncommitted(b *Broker) *uncommitted {
	return &uncommitted{
		b: b, logs: map[partitionKey]*partitionLog{}, guarded: map[partitionKey]bool{}, seen: map[partitionKey]bool{}, room: map[partitionKey]int64{},
		old: map[partitionKey]bool{}, full: map[partitionKey]bool{}, warned: map[partitionKey]bool{}, ages: map[string]time.Duration{},
	}
}

// install puts the door into kfake. The functions that are given to kfake run in its own
// goroutine.
func (u *uncommitted) install() {
	u.b.cluster.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		u.note(req.(*kmsg.ProduceRequest))
		return nil, nil, false
	})
}

// register registers metrics of how full the bounded partitions are.
func (u *uncommitted) register(reg prometheus.Registerer) {
	f := promauto.With(reg)
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "emostream_broker_uncounted_ratio",
		Help: "Bytes of reactions that are not counted, in parts of what a partition may hold of them; of the fullest partition. At 1 it refuses more.",
	}, func() float64 {
		u.mu.Lock()
		defer u.mu.Unlock()
		return u.used
	})
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "emostream_broker_refuses",
		Help: "1 while the embedded broker refuses reactions, because a partition or the disk is full, else 0.",
	}, func() float64 {
		u.mu.Lock()
		defer u.mu.Unlock()
		if u.noDisk || len(u.full) > 0 || len(u.warned) > 0 {
			return 1
		}
		return 0
	})
}

// guard makes kfake ask the door before it appends to a partition of a consumer.
func (u *uncommitted) guard(c Consumer, key partitionKey) {
	fault := func(answer *kerr.Error, when func(*kmsg.ProduceRequest) bool) {
		u.b.cluster.Fault(kfake.Fault{
			Keys: []kmsg.Key{kmsg.Produce}, Topic: key.topic, Partitions: []int32{key.partition}, Err: answer, Count: -1,
			When: func(req kmsg.Request) bool {
				produce, ok := req.(*kmsg.ProduceRequest)
				return ok && when(produce)
			},
		})
	}
	// Clients send this again; nothing was written.
	fault(kerr.NotEnoughReplicas, func(*kmsg.ProduceRequest) bool {
		u.mu.Lock()
		defer u.mu.Unlock()
		return u.shut
	})
	if c.Bounded {
		fault(errFull, func(req *kmsg.ProduceRequest) bool { return u.refuses(key, req) })
	}
}

// note notes the partitions of a request, and whether it has old records.
func (u *uncommitted) note(req *kmsg.ProduceRequest) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			key := partitionKey{t.Topic, p.Partition}
			u.seen[key] = true
			age, ok := u.ages[t.Topic]
			if !ok {
				age = u.b.cfg.Retention
			}
			if newest, ok := newestTime(p.Records); ok && age >= 0 && time.Since(newest) > age/4 {
				u.old[key] = true
			}
		}
	}
}

// written returns the partitions that were written to.
func (u *uncommitted) written() map[partitionKey]bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return maps.Clone(u.seen)
}

// newestTime returns the greatest time in a batch of records, as its header says. kfake's
// retention believes the header, too, whatever times the records have.
func newestTime(batch []byte) (time.Time, bool) {
	const at = 35 // where a batch of format 2 has it
	if len(batch) < at+8 {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(batch[at:]))), true
}

// refuses says whether the part of a request for a bounded partition is refused. If not,
// it takes the room that the records need.
func (u *uncommitted) refuses(key partitionKey, req *kmsg.ProduceRequest) bool {
	n := int64(0)
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			if t.Topic == key.topic && p.Partition == key.partition {
				n += int64(len(p.Records))
			}
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if room, ok := u.room[key]; u.noDisk || ok && n > room {
		u.full[key] = true
		return true
	} else if ok {
		u.room[key] = room - n
	}
	return false
}

// retentionOf returns how long, and how many bytes of a partition, a topic keeps; below
// 0: no bound.
func (u *uncommitted) retentionOf(topic string) (age time.Duration, bytes int64, compacted bool) {
	age, bytes = u.b.cfg.Retention, u.b.cfg.partitionBytes()
	info := u.b.cluster.TopicInfo(topic)
	if info == nil {
		return age, bytes, false
	}
	if ms, ok := topicNumber(info, "retention.ms"); ok {
		if age = -1; ms >= 0 {
			age = time.Duration(min(ms, 1<<43)) * time.Millisecond
		}
	}
	if n, ok := topicNumber(info, "retention.bytes"); ok {
		bytes = n
	}
	policy := info.Configs["cleanup.policy"]
	return age, bytes, policy != nil && strings.Contains(*policy, "compact")
}

// position is how far a consumer is in a partition.
type position struct {
	consumer  Consumer
	committed int64 // it goes on here after a restart
	counted   int64 // it has worked off everything before
}

// positions returns how far the consumers are. A partition of which a group has
// committed nothing yet, though it has committed others, is at its start. It has no
// entry if the group does not exist.
func (u *uncommitted) positions() map[partitionKey]position {
	out := map[partitionKey]position{}
	for _, c := range u.b.cfg.Consumers {
		group := u.b.cluster.GroupInfo(c.Group)
		if group == nil || len(group.Commits[c.Topic]) == 0 {
			continue
		}
		for _, p := range u.b.cluster.PartitionInfos(c.Topic) {
			at := position{consumer: c, committed: p.LogStartOffset, counted: p.LogStartOffset}
			if commit, ok := group.Commits[c.Topic][p.Partition]; ok {
				at.committed, at.counted = commit.Offset, commit.Offset
				if meta, ours, _ := wire.DecodeCommit[wire.CombinerCommit](commit.Metadata); ours && c.Bounded {
					at.counted = max(commit.Offset, meta.Emitted)
				}
			}
			out[partitionKey{c.Topic, p.Partition}] = at
		}
	}
	return out
}

// watch looks how far the consumers are, and gives the bounded partitions room for what
// may be written until it looks again.
func (u *uncommitted) watch(now time.Time) map[partitionKey]position {
	at, used := u.positions(), 0.0
	noDisk := u.b.cfg.DataDir != "" && freeBytes(u.b.cfg.DataDir) < u.b.cfg.MinFree
	for _, c := range u.b.cfg.Consumers {
		age, bound, _ := u.retentionOf(c.Topic)
		for _, p := range u.b.cluster.PartitionInfos(c.Topic) {
			key := partitionKey{c.Topic, p.Partition}
			if !u.guarded[key] {
				u.guarded[key] = true
				u.guard(c, key)
			}
			log := u.log(key)
			log.measure(now, p.LogStartOffset, p.HighWatermark, p.NumBytes)
			pos, known := at[key]
			u.mu.Lock()
			u.ages[c.Topic], u.noDisk = age, noDisk
			if known && c.Bounded && bound >= 0 {
				n := log.total - log.before(pos.counted).appended
				u.room[key], used = bound-n, max(used, float64(n)/float64(max(bound, 1)))
			} else {
				delete(u.room, key)
			}
			if !known || pos.committed >= p.HighWatermark {
				delete(u.old, key)
			}
			u.report(key)
			u.mu.Unlock()
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.used = used
	return at
}

// report logs when the writes of a partition are refused, and when they are no longer;
// u.mu is held.
func (u *uncommitted) report(key partitionKey) {
	full := u.full[key]
	room, bounded := u.room[key]
	delete(u.full, key)
	switch log := u.b.cfg.Logger; {
	case full && !u.warned[key]:
		u.warned[key] = true
		log.Warn("the log is full: reactions are refused until aggregate has counted what it holds", "topic", key.topic, "partition", key.partition, "disk_full", u.noDisk)
	case !full && u.warned[key] && !u.noDisk && (room > 0 || !bounded):
		delete(u.warned, key)
		log.Info("the log has room again", "topic", key.topic, "partition", key.partition)
	}
}

func (u *uncommitted) log(key partitionKey) *partitionLog {
	var id [16]byte
	if info := u.b.cluster.TopicInfo(key.topic); info != nil {
		id = info.TopicID
	}
	log := u.logs[key]
	if log == nil || log.topicID != id {
		u.replaced = u.replaced || log != nil
		log = &partitionLog{topicID: id}
		u.logs[key] = log
	}
	return log
}

// retain removes old records, but none that a consumer has not committed.
func (u *uncommitted) retain(now time.Time, partitions []partitionKey) {
	u.setShut(true)
	defer u.setShut(false)
	at := u.watch(now)
	for key, pos := range at {
		if !u.safe(now, key, pos.committed) {
			u.removeCommitted(now, partitions, at)
			return
		}
	}
	u.b.cluster.ApplyRetention()
	u.b.cluster.Compact()
	u.measureAll(partitions)
}

func (u *uncommitted) setShut(shut bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.shut = shut
}

// safe says whether kfake's own retention removes nothing of a partition that is not
// committed. What was appended lately is safe from it, unless its time is old or it is
// too much.
func (u *uncommitted) safe(now time.Time, key partitionKey, committed int64) bool {
	p := u.b.cluster.PartitionInfo(key.topic, key.partition)
	if p == nil || committed >= p.HighWatermark {
		return true
	}
	u.mu.Lock()
	old := u.old[key]
	u.mu.Unlock()
	age, bytes, _ := u.retentionOf(key.topic)
	log := u.log(key)
	row := log.before(committed)
	known := len(log.rows) > 1 && committed >= log.rows[1].end // what is before was there when the broker began
	return known && !old && (age < 0 || now.Sub(row.at) < age/2) && (bytes < 0 || log.total-row.appended < bytes/2)
}

// removeCommitted removes the records that are too old or too many and committed. Of
// compacted topics it bounds only the heartbeats, of which nobody needs the old ones.
func (u *uncommitted) removeCommitted(now time.Time, partitions []partitionKey, at map[partitionKey]position) {
	for _, key := range partitions {
		p := u.b.cluster.PartitionInfo(key.topic, key.partition)
		if p == nil {
			continue
		}
		age, bytes, compacted := u.retentionOf(key.topic)
		if compacted {
			if !strings.HasSuffix(key.topic, wire.Topics{}.Servers()) {
				continue
			}
			age = -1
		}
		log := u.log(key)
		log.measure(now, p.LogStartOffset, p.HighWatermark, p.NumBytes)
		target := min(log.expired(now, age, bytes), p.HighWatermark)
		if pos, ok := at[key]; ok {
			target = min(target, pos.committed)
		}
		if target > p.LogStartOffset {
			if err := u.b.cluster.DeleteRecords(key.topic, key.partition, target); err != nil {
				u.b.cfg.Logger.Warn("nothing is removed from the log", "topic", key.topic, "partition", key.partition, "error", err)
			}
		}
	}
	u.measureAll(partitions)
}

// measureAll notes the sizes of all partitions after records were removed.
func (u *uncommitted) measureAll(partitions []partitionKey) {
	for _, key := range partitions {
		if p := u.b.cluster.PartitionInfo(key.topic, key.partition); p != nil {
			log := u.log(key)
			log.measure(time.Now(), p.LogStartOffset, p.HighWatermark, p.NumBytes)
			log.size = p.NumBytes
		}
	}
}
