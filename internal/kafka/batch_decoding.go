package kafka

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/emostream/emostream/internal/recordbatch"
	"github.com/emostream/emostream/internal/stream"
)

// decoder decodes record batches. The records that it returns are valid until its next
// use. It does not copy keys and values: they point into the batches or, if those are
// compressed, into memory that the decoder reuses.
type decoder struct {
	records  []stream.Record
	inflated []byte
	size     int // of what was decoded of the present answer, in memory; at most maxDecodedBytes
	inflater recordbatch.Inflater
}

// Positions of bytes in a batch. The first three are the same in all message formats.
const (
	batchLengthAt = 8  // the length of what follows it
	batchFrom     = 12 // the first byte that the length counts
	batchMagicAt  = 16 // the number of the message format
	oldCRCAt      = 12 // the checksum in the formats 0 and 1
	oldCRCFrom    = 16 // the first byte that it covers
)

// maxDecodedBytes bounds the memory that the records of one answer take, with what is
// decompressed for them. Batches that do not fit are left for the next fetch. One that
// does not fit alone is skipped. The bound keeps a small batch from filling the memory.
// It is sixty times what brokers take in a batch by default.
const maxDecodedBytes = recordbatch.MaxBytes

// maxKeptBytes is how much memory a reader keeps for the next answers.
const maxKeptBytes = 16 << 20

// What a record and a header take in memory beside their bytes.
const (
	bytesPerRecord = 96
	bytesPerHeader = 40
)

// brokenBatchError says that the content of a batch cannot be read, though its checksum
// is right. Fetching it again would not help.
type brokenBatchError struct{ problem string }

func (e *brokenBatchError) Error() string { return e.problem }

func brokenf(format string, args ...any) error {
	return &brokenBatchError{fmt.Sprintf(format, args...)}
}

// errTooLarge says that the records of a batch do not fit into maxDecodedBytes beside
// those that were decoded before.
var errTooLarge = recordbatch.ErrTooLarge

// decoded is what an answer to a fetch holds.
type decoded struct {
	records []stream.Record
	skipped []stream.Skipped // batches that cannot be read
	next    int64            // the offset to go on at
}

// decode decodes the batches in the answer to a fetch. It returns their records from
// offset on, without those of aborted transactions. The first batch may begin before
// offset, and the last may be cut off.
//
// The offset to go on at is the one after the last whole batch. It may be greater than
// the one after the last record: compaction may have removed a batch's last records,
// a control batch and a batch of an aborted transaction have none, and a batch whose
// content cannot be read is skipped.
//
// If a batch has a wrong checksum or is not whole, decode returns what comes before it.
// It returns an error only if nothing does. Then the batch must be fetched again.
func (d *decoder) decode(answer []byte, aborted []kmsg.FetchResponseTopicPartitionAbortedTransaction, offset int64) (decoded, error) {
	d.reset()
	out := decoded{next: offset}
	transactions := newAborts(aborted)
	var err error
	rest := answer
	for len(rest) > batchMagicAt && err == nil {
		n := batchFrom + int(int32(binary.BigEndian.Uint32(rest[batchLengthAt:])))
		if n > len(rest) {
			break
		}
		if out.next == offset { // what came before is of lower offsets
			d.reset()
		}
		var first, last int64
		first, last, err = d.decodeBatch(rest[:max(n, 0)], offset, &transactions)
		if errors.Is(err, errTooLarge) {
			if out.next > offset {
				break // the next fetch begins with this batch
			}
			err = brokenf("its records take more than %d MiB of memory, decompressed", maxDecodedBytes>>20)
		}
		if broken, ok := errors.AsType[*brokenBatchError](err); ok {
			err = nil
			if last >= offset {
				out.skipped = append(out.skipped, stream.Skipped{From: max(first, offset), To: last + 1, Reason: broken})
			}
		}
		if err == nil {
			out.next, rest = max(out.next, last+1), rest[n:]
		}
	}
	switch {
	case out.next > offset || len(answer) == 0:
		out.records = d.records
		return out, nil
	case err == nil && len(rest) < len(answer):
		err = errors.New("the batches in the answer end before it")
	case err == nil:
		err = errors.New("the answer does not hold one batch")
	}
	return out, err
}

// reset forgets the records that were decoded, and memory that is large.
func (d *decoder) reset() {
	d.size = 0
	if d.records = d.records[:0]; cap(d.records) > maxKeptBytes/bytesPerRecord {
		d.records = nil
	}
	if d.inflated = d.inflated[:0]; cap(d.inflated) > maxKeptBytes {
		d.inflated = nil
	}
}

// decodeBatch appends the records of a batch from offset on to d.records, and returns
// the batch's first and last offset. If it fails, it appends none.
func (d *decoder) decodeBatch(raw []byte, offset int64, transactions *aborts) (first, last int64, err error) {
	if len(raw) <= batchMagicAt {
		return 0, 0, fmt.Errorf("a batch of %d bytes", len(raw))
	}
	first = int64(binary.BigEndian.Uint64(raw))
	records, inflated, size := len(d.records), len(d.inflated), d.size
	if last, err = d.appendBatch(raw, offset, transactions); err != nil {
		d.records, d.inflated, d.size = d.records[:records], d.inflated[:inflated], size
	}
	if _, broken := errors.AsType[*brokenBatchError](err); err != nil && !broken && !errors.Is(err, errTooLarge) {
		err = fmt.Errorf("batch at offset %d: %w", first, err)
	}
	return first, last, err
}

// appendBatch does the work of decodeBatch. When it fails, it may have appended some of
// the records.
func (d *decoder) appendBatch(raw []byte, offset int64, transactions *aborts) (last int64, err error) {
	magic := raw[batchMagicAt]
	if magic < 2 {
		return oldMessage(raw)
	}
	var b kmsg.RecordBatch
	if err := b.ReadFrom(raw); err != nil {
		return 0, err
	}
	if err := checkSum(uint32(b.CRC), raw[recordbatch.CRCFrom:], crc32.Castagnoli); err != nil {
		return 0, err
	}
	last = b.FirstOffset + int64(max(b.LastOffsetDelta, 0))
	if magic > 2 {
		return last, brokenf("its records are in message format %d, and only 2 is known", magic)
	}
	a := protocol.Attributes(b.Attributes)
	if transactions.holds(&b, last) || a.Control() {
		return last, nil
	}
	if a.Compression() != 0 {
		from := len(d.inflated)
		d.inflated, err = d.inflater.Inflate(int8(a.Compression()), b.Records, d.inflated, maxDecodedBytes-d.size)
		if broken, ok := errors.AsType[*recordbatch.BrokenError](err); ok {
			err = brokenf("%v", broken)
		}
		if err != nil {
			return last, err
		}
		d.size += len(d.inflated) - from
		b.Records = d.inflated[from:]
	}
	return last, d.appendRecords(b, offset)
}

// oldMessage returns the last offset of a message, or of a batch, in format 0 or 1, and
// an error that says why it cannot be read.
func oldMessage(raw []byte) (last int64, err error) {
	if err := checkSum(binary.BigEndian.Uint32(raw[oldCRCAt:]), raw[oldCRCFrom:], crc32.IEEE); err != nil {
		return 0, err
	}
	return int64(binary.BigEndian.Uint64(raw)),
		brokenf("its records are in message format %d, and only 2 is known, in which brokers have kept them since Kafka 0.11", raw[batchMagicAt])
}

// checkSum returns an error if data does not have this checksum.
func checkSum(want uint32, data []byte, polynomial uint32) error {
	if sum := crc32.Checksum(data, crc32.MakeTable(polynomial)); sum != want {
		return fmt.Errorf("its checksum is %08x, and it says %08x", sum, want)
	}
	return nil
}

// appendRecords appends the records of a batch from offset on. b.Records must not be
// compressed.
func (d *decoder) appendRecords(b kmsg.RecordBatch, offset int64) error {
	var r kmsg.Record
	raw, before := b.Records, int32(-1)
	for ; b.NumRecords > 0; b.NumRecords-- {
		var err error
		if raw, err = recordbatch.NextRecord(raw, &r); err != nil {
			return brokenf("%v", err)
		}
		if r.OffsetDelta <= before || r.OffsetDelta > b.LastOffsetDelta {
			return brokenf("a record has the offset %d after the batch's first, out of order", r.OffsetDelta)
		}
		before = r.OffsetDelta
		out := stream.Record{Offset: b.FirstOffset + int64(r.OffsetDelta), Time: b.FirstTimestamp + r.TimestampDelta64, Key: r.Key, Value: r.Value}
		if out.Offset < offset {
			continue
		}
		if d.size += bytesPerRecord + bytesPerHeader*len(r.Headers); d.size > maxDecodedBytes {
			return errTooLarge
		}
		if b.Attributes&recordbatch.LogAppendTime != 0 {
			out.Time = b.MaxTimestamp
		}
		for _, h := range r.Headers {
			out.Headers = append(out.Headers, stream.Header{Key: h.Key, Value: h.Value})
		}
		d.records = append(d.records, out)
	}
	if len(raw) > 0 {
		return brokenf("it has %d bytes after its last record", len(raw))
	}
	return nil
}
