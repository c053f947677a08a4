package ingest

import (
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// batch is records on their way into the log. Its memory is used again after
// reset, so that nothing is allocated for a record.
type batch struct {
	records []stream.Record
	bytes   int    // of the records' values
	values  []byte // what they point to, as do earlier arrays that it has outgrown
}

// add adds the records of a tap accepted at a time in ms.
func (b *batch) add(r reaction, at int64) {
	begin := len(b.values)
	if r.Timestamp == "" {
		r.Timestamp = stamp(at)
	}
	b.values = wire.AppendReaction(b.values, r.Reaction)
	value := b.values[begin:len(b.values):len(b.values)]
	for range r.count {
		b.records = append(b.records, stream.Record{Time: at, Value: value})
		b.bytes += len(value)
	}
}

func (b *batch) reset() {
	b.records, b.bytes, b.values = b.records[:0], 0, b.values[:0]
}

func stamp(ms int64) string { return string(wire.AppendTime(nil, ms)) }
