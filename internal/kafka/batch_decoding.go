package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/emostream/emostream/internal/stream"
)

// decoder decodes record batches. The records that it returns are valid until its next
// use. It does not copy keys and values: they point into the batches or, if those are
// compressed, into memory that the decoder reuses.
type decoder struct {
	records  []stream.Record
	inflated bytes.Buffer
}

// Positions of bytes in a batch. The first three are the same in all message formats.
const (
	batchLengthAt = 8  // the length of what follows it
	batchFrom     = 12 // the first byte that the length counts
	batchMagicAt  = 16 // the number of the message format
	batchCRCFrom  = 21 // the first byte that the checksum covers
)

// errUnreadable says that a batch cannot be read, and that fetching it again would not
// help.
var errUnreadable = errors.New("it cannot be read")

// logAppendTime is an attribute of a batch. It says that the time of its records is
// when the broker appended it, whatever the producer set.
const logAppendTime = 1 << 3

// decode decodes the batches in the answer to a fetch. It returns their records from
// offset on, and the offset to go on at. The first batch may begin before offset, and
// the last may be cut off.
//
// The offset to go on at is the one after the last whole batch. It may be greater than
// the one after the last record: compaction may have removed a batch's last records,
// and a control batch has none. Records of transactions are returned whether the
// transactions were committed or not.
//
// If a batch cannot be decoded, decode returns what comes before it. It returns an
// error only if nothing does.
func (d *decoder) decode(batches []byte, offset int64) (records []stream.Record, next int64, err error) {
	d.records, next = d.records[:0], offset
	if d.inflated.Reset(); d.inflated.Cap() > maxKeptBytes {
		d.inflated = bytes.Buffer{}
	}
	rest := batches
	for len(rest) > batchMagicAt && err == nil {
		n := batchFrom + int(int32(binary.BigEndian.Uint32(rest[batchLengthAt:])))
		if n > len(rest) {
			break
		}
		var last int64
		if last, err = d.decodeBatch(rest[:max(n, 0)], offset); err == nil {
			next, rest = max(next, last+1), rest[n:]
		}
	}
	switch {
	case next > offset || len(batches) == 0:
		return d.records, next, nil
	case err == nil && len(rest) < len(batches):
		err = errors.New("the batches in the answer end before it")
	case err == nil:
		err = errors.New("the answer does not hold one batch")
	}
	return nil, offset, err
}

// decodeBatch appends the records of a batch from offset on to d.records, and returns
// the batch's last offset. If it fails, it appends none.
func (d *decoder) decodeBatch(raw []byte, offset int64) (last int64, err error) {
	if len(raw) <= batchMagicAt {
		return 0, fmt.Errorf("a batch of %d bytes", len(raw))
	}
	before := len(d.records)
	if last, err = d.appendBatch(raw, offset); err != nil {
		d.records = d.records[:before]
		err = fmt.Errorf("batch at offset %d: %w", binary.BigEndian.Uint64(raw), err)
	}
	return last, err
}

// appendBatch does the work of decodeBatch. When it fails, it may have appended some of
// the records.
func (d *decoder) appendBatch(raw []byte, offset int64) (last int64, err error) {
	if magic := raw[batchMagicAt]; magic != 2 {
		return 0, fmt.Errorf("%w: its records are in message format %d, and only 2 is known, in which brokers have kept them since Kafka 0.11", errUnreadable, magic)
	}
	var b kmsg.RecordBatch
	if err := b.ReadFrom(raw); err != nil {
		return 0, err
	}
	if sum := crc32.Checksum(raw[batchCRCFrom:], crc32.MakeTable(crc32.Castagnoli)); sum != uint32(b.CRC) {
		return 0, fmt.Errorf("its checksum is %08x, and it says %08x", sum, uint32(b.CRC))
	}
	last = b.FirstOffset + int64(b.LastOffsetDelta)
	a := protocol.Attributes(b.Attributes)
	if a.Control() {
		return last, nil
	}
	if a.Compression() != 0 {
		if b.Records, err = d.inflate(a, b.Records); err != nil {
			return 0, err
		}
	}
	return last, d.appendRecords(b, offset)
}

// appendRecords appends the records of a batch from offset on. b.Records must not be
// compressed.
func (d *decoder) appendRecords(b kmsg.RecordBatch, offset int64) error {
	var r kmsg.Record
	for raw := b.Records; b.NumRecords > 0; b.NumRecords-- {
		length, n := binary.Varint(raw)
		if n <= 0 || length < 0 || length > int64(len(raw)-n) {
			return errors.New("a record goes beyond its end")
		}
		end := n + int(length)
		if err := r.ReadFrom(raw[:end]); err != nil {
			return fmt.Errorf("a record: %w", err)
		}
		raw = raw[end:]
		out := stream.Record{Offset: b.FirstOffset + int64(r.OffsetDelta), Time: b.FirstTimestamp + r.TimestampDelta64, Key: r.Key, Value: r.Value}
		if out.Offset < offset {
			continue
		}
		if b.Attributes&logAppendTime != 0 {
			out.Time = b.MaxTimestamp
		}
		for _, h := range r.Headers {
			out.Headers = append(out.Headers, stream.Header{Key: h.Key, Value: h.Value})
		}
		d.records = append(d.records, out)
	}
	return nil
}
