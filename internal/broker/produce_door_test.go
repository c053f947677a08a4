package broker_test

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/emostream/emostream/internal/broker"
)

// sealedBatch returns a batch of records with these times after first. Its header says
// newest, whatever they are.
func sealedBatch(first, newest int64, attributes int16, records []byte, n int32) []byte {
	raw := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, Attributes: attributes, LastOffsetDelta: n - 1, FirstTimestamp: first, MaxTimestamp: newest,
		ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: n, Records: records,
	}
	b := raw.AppendTo(nil)
	binary.BigEndian.PutUint32(b[8:], uint32(len(b)-12))
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

func recordsAfter(deltas ...int64) (records []byte, n int32) {
	for i, delta := range deltas {
		r := kmsg.Record{OffsetDelta: int32(i), TimestampDelta64: delta, Value: []byte("x")}
		one := r.AppendTo(nil)
		records = append(binary.AppendVarint(records, int64(len(one)-1)), one[1:]...)
	}
	return records, int32(len(deltas))
}

// The broker refuses, as Kafka does, records whose time is too far from its clock, by
// what they say themselves, and batches that cannot be read.
func TestProduceDoor(t *testing.T) {
	d := broker.NewProduceDoor()
	const now = 1_767_323_045_678
	pack, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	one := func(at int64) []byte { records, n := recordsAfter(0); return sealedBatch(at, at, 0, records, n) }
	limited := [2]int64{60_000, 5000}
	none := [2]int64{-1, -1}
	two, n := recordsAfter(0, 5001)
	good, _ := recordsAfter(0, 5000)
	zeros := make([]byte, 150<<20)
	for name, tt := range map[string]struct {
		batch  []byte
		limits [2]int64 // before, after
		want   *kerr.Error
	}{
		"as far ahead as may be":           {one(now + 5000), limited, nil},
		"a millisecond more":               {one(now + 5001), limited, kerr.InvalidTimestamp},
		"an hour":                          {one(now + 3_600_000), limited, kerr.InvalidTimestamp},
		"an hour, without a limit":         {one(now + 3_600_000), none, nil},
		"microseconds":                     {one(now * 1000), limited, kerr.InvalidTimestamp},
		"the greatest time":                {one(math.MaxInt64), limited, kerr.InvalidTimestamp},
		"the least time":                   {one(math.MinInt64), limited, kerr.InvalidTimestamp},
		"no time":                          {one(-1), limited, nil},
		"as far behind as may be":          {one(now - 60_000), limited, nil},
		"older by a millisecond":           {one(now - 60_001), limited, kerr.InvalidTimestamp},
		"a header that lies":               {sealedBatch(now, now, 0, two, n), limited, kerr.InvalidTimestamp},
		"the second is just right":         {sealedBatch(now, now, 0, good, n), limited, nil},
		"compressed, and a header lies":    {sealedBatch(now, now, 4, pack.EncodeAll(two, nil), n), limited, kerr.InvalidTimestamp},
		"compressed":                       {sealedBatch(now, now, 4, pack.EncodeAll(good, nil), n), limited, nil},
		"not compressed as it says":        {sealedBatch(now, now, 4, good, n), none, kerr.InvalidRecord},
		"150 MB of zeros":                  {sealedBatch(now, now, 4, pack.EncodeAll(zeros, nil), n), none, kerr.InvalidRecord},
		"fewer records than it says":       {sealedBatch(now, now, 0, good, n+1), none, kerr.InvalidRecord},
		"more records than it says":        {sealedBatch(now, now, 0, good, n-1), none, kerr.InvalidRecord},
		"a record beyond the end":          {sealedBatch(now, now, 0, good[:len(good)-1], n), none, kerr.InvalidRecord},
		"no records":                       {sealedBatch(now, now, 0, nil, 0), none, kerr.InvalidRecord},
		"spoilt, which kfake refuses":      {append(one(now)[:len(one(now))-1], 0x7f), none, nil},
		"half a header, which it does too": {one(now)[:30], none, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := d.Check(tt.batch, tt.limits[0], tt.limits[1], now); got != tt.want {
				t.Errorf("refused with %v, want %v", got, tt.want)
			}
		})
	}
}

// A partition of a request is refused, and the others are written.
func TestProduceDoorRefusesOnePartition(t *testing.T) {
	c := dial(t, open(t, broker.Config{}))
	limit := "5000"
	create := kmsg.NewPtrCreateTopicsRequest()
	create.Version = 3
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "clocks", 2, 1
	topic.Configs = []kmsg.CreateTopicsRequestTopicConfig{{Name: "message.timestamp.after.max.ms", Value: &limit}}
	create.Topics = append(create.Topics, topic)
	c.ask(create)

	records, n := recordsAfter(0)
	now := time.Now().UnixMilli()
	right, ahead := sealedBatch(now, now, 0, records, n), sealedBatch(now+3_600_000, now, 0, records, n)
	produce := func(batches ...[]byte) (codes [2]int16) {
		req := kmsg.NewPtrProduceRequest()
		req.Version, req.Acks, req.TimeoutMillis = 7, -1, 1000
		one := kmsg.NewProduceRequestTopic()
		one.Topic = "clocks"
		for i, batch := range batches {
			one.Partitions = append(one.Partitions, kmsg.ProduceRequestTopicPartition{Partition: int32(i), Records: batch})
		}
		req.Topics = append(req.Topics, one)
		res, _ := c.ask(req).(*kmsg.ProduceResponse)
		for _, p := range res.Topics[0].Partitions {
			codes[p.Partition] = p.ErrorCode
		}
		return codes
	}
	for range 3 {
		if codes := produce(right, ahead); codes != [2]int16{0, kerr.InvalidTimestamp.Code} {
			t.Fatalf("answered %v, want 0 and INVALID_TIMESTAMP", codes)
		}
	}
	if codes := produce(right, right); codes != [2]int16{} {
		t.Errorf("answered %v afterwards, want both written", codes)
	}
}
