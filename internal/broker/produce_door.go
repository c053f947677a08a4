package broker

import (
	"hash/crc32"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/emostream/emostream/internal/recordbatch"
)

// produceDoor refuses records that Kafka refuses and kfake takes: records with a time
// outside of a topic's message.timestamp.before.max.ms and message.timestamp.after.max.ms,
// and batches whose records cannot be read. A topic that does not set them has no such
// limits, as in Kafka.
//
// Its functions run in kfake's goroutine, for one request after the other.
type produceDoor struct {
	cluster  *kfake.Cluster
	limits   map[string]timeLimits // by topic
	inflater recordbatch.Inflater
	inflated []byte
	refused  *kfake.FaultHandle // of the request before
}

// timeLimits are how far the time of a record may be from the clock, in ms; below 0: no
// limit.
type timeLimits struct {
	before, after int64
	read          time.Time // when they were read
}

// limitsKept is how long limits are used before they are read again.
const limitsKept = time.Second

// addProduceDoor puts the door into kfake.
func addProduceDoor(cluster *kfake.Cluster) {
	d := &produceDoor{cluster: cluster, limits: map[string]timeLimits{}}
	cluster.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		if produce, ok := req.(*kmsg.ProduceRequest); ok {
			d.judge(produce, time.Now())
		}
		return nil, nil, false
	})
}

// judge makes kfake refuse the partitions of a request whose batches are not let in.
func (d *produceDoor) judge(req *kmsg.ProduceRequest, now time.Time) {
	if d.refused != nil {
		d.refused.Remove() // kfake may have refused that request for another reason
		d.refused = nil
	}
	var faults []kfake.Fault
	for _, t := range req.Topics {
		limits := d.limitsOf(t.Topic, now)
		for _, p := range t.Partitions {
			if err := d.check(p.Records, limits, now.UnixMilli()); err != nil {
				faults = append(faults, kfake.Fault{
					Keys: []kmsg.Key{kmsg.Produce}, Topic: t.Topic, Partitions: []int32{p.Partition}, Err: err,
					When: func(other kmsg.Request) bool { return other == req },
				})
			}
		}
	}
	if len(faults) > 0 {
		d.refused = d.cluster.Fault(faults...)
	}
}

// limitsOf returns the limits of a topic.
func (d *produceDoor) limitsOf(topic string, now time.Time) timeLimits {
	if l, ok := d.limits[topic]; ok && now.Sub(l.read).Abs() < limitsKept {
		return l
	}
	info := d.cluster.TopicInfo(topic)
	if info == nil {
		delete(d.limits, topic)
		return timeLimits{-1, -1, now}
	}
	limit := func(setting string) int64 {
		if ms, ok := topicNumber(info, setting); ok {
			return ms
		}
		return -1
	}
	l := timeLimits{limit("message.timestamp.before.max.ms"), limit("message.timestamp.after.max.ms"), now}
	if kind := info.Configs["message.timestamp.type"]; kind != nil && *kind == "LogAppendTime" {
		l.before, l.after = -1, -1 // the broker sets the times
	}
	d.limits[topic] = l
	return l
}

// compression are the attributes of a batch that say how it is compressed.
const compression = 7

// check returns why a batch is refused; nil if it is not, or if kfake refuses it by
// itself.
func (d *produceDoor) check(raw []byte, limits timeLimits, now int64) *kerr.Error {
	var b kmsg.RecordBatch
	if b.ReadFrom(raw) != nil || b.Magic != 2 {
		return nil //nolint:nilerr // kfake refuses it by itself
	}
	records, ok := b.Records, true
	if codec := int8(b.Attributes & compression); codec != 0 {
		out, err := d.inflater.Inflate(codec, b.Records, d.inflated[:0], recordbatch.MaxBytes)
		records, ok = out, err == nil
		if d.inflated = out[:0]; cap(d.inflated) > maxKeptBytes {
			d.inflated = nil
		}
	}
	timely := true
	if ok {
		ok = eachRecord(records, b.NumRecords, func(delta int64) {
			t := b.FirstTimestamp + delta
			timely = timely && (b.Attributes&recordbatch.LogAppendTime != 0 || limits.allow(t, now))
		})
	}
	switch {
	case !ok && uint32(b.CRC) == crc32.Checksum(raw[recordbatch.CRCFrom:], crc32.MakeTable(crc32.Castagnoli)):
		return kerr.InvalidRecord
	case ok && !timely:
		return kerr.InvalidTimestamp
	}
	return nil
}

// maxKeptBytes is how much memory for decompression is kept from one batch to the next.
const maxKeptBytes = 4 << 20

// allow says whether a record may have the time t at now. Kafka lets in -1, which says
// that there is none.
func (l timeLimits) allow(t, now int64) bool {
	switch {
	case t == -1:
		return true
	case t > now:
		return l.after < 0 || uint64(t)-uint64(now) <= uint64(l.after)
	default:
		return l.before < 0 || uint64(now)-uint64(t) <= uint64(l.before)
	}
}

// eachRecord calls f with the time of each record, from that of the batch on. It
// returns false if the records cannot be read.
func eachRecord(raw []byte, n int32, f func(delta int64)) bool {
	var r kmsg.Record
	for i := range n {
		var err error
		if raw, err = recordbatch.NextRecord(raw, &r); err != nil || r.OffsetDelta != i {
			return false
		}
		f(r.TimestampDelta64)
	}
	return n > 0 && len(raw) == 0
}
