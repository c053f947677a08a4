package kafka

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/emostream/emostream/internal/stream"
)

// MaxBatchBytes is how many bytes the records of a batch may have. It is well below the
// 1 MiB that brokers take by default.
const MaxBatchBytes = 900 << 10

// recordOverhead is more bytes than a record takes besides its key, value and headers.
const recordOverhead = 40

// recordBytes returns how many bytes a record adds to a batch at most.
func recordBytes(r stream.Record) int {
	n := recordOverhead + len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		n += 10 + len(h.Key) + len(h.Value)
	}
	return n
}

// encodeBatch encodes records as one record batch of Kafka's message format 2. Before
// the batch stands its length as an int32, as in a produce request. There must be at
// least one record.
func encodeBatch(records []stream.Record, pid producerID, sequence int32) []byte {
	first := records[0].Time
	b := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1,
		Magic:                2,
		LastOffsetDelta:      int32(len(records) - 1),
		FirstTimestamp:       first,
		MaxTimestamp:         first,
		ProducerID:           pid.id,
		ProducerEpoch:        pid.epoch,
		FirstSequence:        sequence,
		NumRecords:           int32(len(records)),
	}
	total := 0
	for _, r := range records {
		total += recordBytes(r)
	}
	b.Records = make([]byte, 0, total)
	var one []byte
	for i, r := range records {
		b.MaxTimestamp = max(b.MaxTimestamp, r.Time)
		kr := kmsg.Record{TimestampDelta64: r.Time - first, OffsetDelta: int32(i), Key: r.Key, Value: r.Value}
		for _, h := range r.Headers {
			kr.Headers = append(kr.Headers, kmsg.Header{Key: h.Key, Value: h.Value})
		}
		one = kr.AppendTo(one[:0]) // begins with the length of the record, which is 0 here, in one byte
		b.Records = binary.AppendVarint(b.Records, int64(len(one)-1))
		b.Records = append(b.Records, one[1:]...)
	}

	const sizeLen, lengthAt, crcAt, crcFrom = 4, 8, 17, 21
	raw := b.AppendTo(make([]byte, sizeLen, sizeLen+70+len(b.Records)))
	batch := raw[sizeLen:]
	binary.BigEndian.PutUint32(raw, uint32(len(batch)))
	binary.BigEndian.PutUint32(batch[lengthAt:], uint32(len(batch)-lengthAt-4))
	binary.BigEndian.PutUint32(batch[crcAt:], crc32.Checksum(batch[crcFrom:], crc32.MakeTable(crc32.Castagnoli)))
	return raw
}

// rawRecords hands an encoded batch to kafka-go.
func rawRecords(raw []byte) protocol.RawRecordSet {
	return protocol.RawRecordSet{Reader: bytes.NewReader(raw)}
}

// splitIntoBatches cuts records into runs that each fit a batch. It returns an error if
// a record is too large for any batch.
func splitIntoBatches(records []stream.Record) ([][]stream.Record, error) {
	var runs [][]stream.Record
	start, bytes := 0, 0
	for i, r := range records {
		n := recordBytes(r)
		if n > MaxBatchBytes {
			return nil, fmt.Errorf("a record of %d bytes is more than a batch of %d holds", n, MaxBatchBytes)
		}
		if bytes+n > MaxBatchBytes {
			runs = append(runs, records[start:i])
			start, bytes = i, 0
		}
		bytes += n
	}
	if start < len(records) {
		runs = append(runs, records[start:])
	}
	return runs, nil
}
