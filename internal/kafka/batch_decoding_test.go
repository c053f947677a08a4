package kafka_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go/compress"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
)

// Attributes of a batch.
const (
	stamped       = 1 << 3
	transactional = 1 << 4
	control       = 1 << 5
)

// batch describes a batch as a broker holds it: the offsets from first to last, without
// those in gone, which compaction has removed.
type batch struct {
	first, last int64
	gone        []int64
	attributes  int16
	producer    int64
	epoch       int16
}

// encode encodes the batch. The value of each record is its offset. Its time is its
// offset too, in ms.
func (b batch) encode(tb testing.TB) []byte {
	tb.Helper()
	raw := kmsg.RecordBatch{
		FirstOffset: b.first, LastOffsetDelta: int32(b.last - b.first), Magic: 2, Attributes: b.attributes,
		FirstTimestamp: b.first, MaxTimestamp: 9999, ProducerID: b.producer, ProducerEpoch: b.epoch,
	}
	for o := b.first; o <= b.last; o++ {
		if slices.Contains(b.gone, o) {
			continue
		}
		r := kmsg.Record{OffsetDelta: int32(o - b.first), TimestampDelta64: o - b.first, Value: fmt.Append(nil, o)}
		one := r.AppendTo(nil)
		raw.Records = binary.AppendVarint(raw.Records, int64(len(one)-1))
		raw.Records = append(raw.Records, one[1:]...)
		raw.NumRecords++
	}
	if codec := compress.Compression(b.attributes & 7).Codec(); codec != nil {
		var small bytes.Buffer
		w := codec.NewWriter(&small)
		if _, err := w.Write(raw.Records); err != nil {
			tb.Fatal(err)
		}
		if err := w.Close(); err != nil {
			tb.Fatal(err)
		}
		raw.Records = small.Bytes()
	}
	return sealed(raw.AppendTo(nil))
}

// sealed writes the right length and checksum into a batch.
func sealed(raw []byte) []byte {
	binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-12))
	binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
	return raw
}

func TestDecode(t *testing.T) {
	five := batch{first: 0, last: 4}.encode(t)
	old := func(b []byte) []byte { // in format 1, whose checksum is elsewhere and another
		b = spoilt(b, 16, 1)
		binary.BigEndian.PutUint32(b[12:], crc32.ChecksumIEEE(b[16:]))
		return b
	}
	more := batch{first: 5, last: 7}.encode(t)
	for name, tt := range map[string]struct {
		answer  [][]byte
		offset  int64
		want    string // the records, and what is skipped
		next    int64
		problem string // the error, or why something is skipped
	}{
		"nothing":                             {nil, 3, "", 3, ""},
		"a batch":                             {[][]byte{five}, 0, "0 1 2 3 4", 5, ""},
		"two batches":                         {[][]byte{five, more}, 0, "0 1 2 3 4 5 6 7", 8, ""},
		"a batch that begins before":          {[][]byte{five, more}, 3, "3 4 5 6 7", 8, ""},
		"only its last record is asked for":   {[][]byte{five}, 4, "4", 5, ""},
		"a batch that ends before":            {[][]byte{five}, 5, "", 5, "end before it"},
		"compaction took the first record":    {[][]byte{batch{first: 0, last: 4, gone: []int64{0}, attributes: 0}.encode(t)}, 0, "1 2 3 4", 5, ""},
		"compaction took one in the middle":   {[][]byte{batch{first: 0, last: 4, gone: []int64{2}, attributes: 0}.encode(t)}, 0, "0 1 3 4", 5, ""},
		"compaction took the last ones":       {[][]byte{batch{first: 0, last: 4, gone: []int64{3, 4}, attributes: 0}.encode(t), more}, 0, "0 1 2 5 6 7", 8, ""},
		"compaction took the last of all":     {[][]byte{batch{first: 0, last: 4, gone: []int64{3, 4}, attributes: 0}.encode(t)}, 0, "0 1 2", 5, ""},
		"compaction took all of a batch":      {[][]byte{batch{first: 0, last: 4, gone: []int64{0, 1, 2, 3, 4}, attributes: 0}.encode(t)}, 2, "", 5, ""},
		"compaction took a batch":             {[][]byte{more}, 2, "5 6 7", 8, ""},
		"a transaction and its end":           {[][]byte{batch{first: 0, last: 4, gone: nil, attributes: transactional}.encode(t), batch{first: 5, last: 5, gone: nil, attributes: transactional | control}.encode(t)}, 0, "0 1 2 3 4", 6, ""},
		"the end of a transaction between":    {[][]byte{five, batch{first: 5, last: 5, gone: nil, attributes: control}.encode(t), batch{first: 6, last: 7, gone: nil, attributes: 0}.encode(t)}, 0, "0 1 2 3 4 6 7", 8, ""},
		"nothing but the end of one":          {[][]byte{batch{first: 5, last: 5, gone: nil, attributes: control}.encode(t)}, 5, "", 6, ""},
		"gzip":                                {[][]byte{batch{first: 0, last: 4, gone: nil, attributes: int16(protocol.Gzip)}.encode(t), more}, 0, "0 1 2 3 4 5 6 7", 8, ""},
		"snappy":                              {[][]byte{batch{first: 0, last: 4, gone: nil, attributes: int16(protocol.Snappy)}.encode(t), more}, 0, "0 1 2 3 4 5 6 7", 8, ""},
		"lz4":                                 {[][]byte{batch{first: 0, last: 4, gone: nil, attributes: int16(protocol.Lz4)}.encode(t), more}, 0, "0 1 2 3 4 5 6 7", 8, ""},
		"zstd":                                {[][]byte{batch{first: 0, last: 4, gone: nil, attributes: int16(protocol.Zstd)}.encode(t), more}, 0, "0 1 2 3 4 5 6 7", 8, ""},
		"several that are compressed":         {[][]byte{batch{first: 0, last: 4, gone: nil, attributes: int16(protocol.Gzip)}.encode(t), batch{first: 5, last: 900, gone: nil, attributes: int16(protocol.Zstd)}.encode(t)}, 899, "899 900", 901, ""},
		"compressed, from the middle on":      {[][]byte{batch{first: 0, last: 4, gone: nil, attributes: int16(protocol.Gzip)}.encode(t)}, 3, "3 4", 5, ""},
		"the last batch has no last byte":     {[][]byte{five, more[:len(more)-1]}, 0, "0 1 2 3 4", 5, ""},
		"the last batch has one byte":         {[][]byte{five, more[:1]}, 0, "0 1 2 3 4", 5, ""},
		"the last batch ends in its header":   {[][]byte{five, more[:17]}, 0, "0 1 2 3 4", 5, ""},
		"less than a batch":                   {[][]byte{five[:len(five)-1]}, 0, "", 0, "not hold one batch"},
		"less than a header":                  {[][]byte{five[:16]}, 0, "", 0, "not hold one batch"},
		"one that is spoilt":                  {[][]byte{spoilt(five, len(five)-2, '?')}, 0, "", 0, "batch at offset 0: its checksum"},
		"one that is spoilt after another":    {[][]byte{five, spoilt(more, len(more)-2, '?')}, 0, "0 1 2 3 4", 5, ""},
		"a batch without a length":            {[][]byte{spoilt(five, 11, 0)}, 0, "", 0, "a batch of 12 bytes"},
		"a batch of a negative length":        {[][]byte{spoilt(five, 8, 0xff)}, 0, "", 0, "a batch of 0 bytes"},
		"a batch that is too short":           {[][]byte{spoilt(five, 11, 40)}, 0, "", 0, "batch at offset 0: "},
		"a format of the past":                {[][]byte{old(five), more}, 0, "[0 1) 5 6 7", 8, "message format 1"},
		"a format of the past, spoilt":        {[][]byte{spoilt(five, 16, 1)}, 0, "", 0, "batch at offset 0: its checksum"},
		"a format of the future":              {[][]byte{spoilt(five, 16, 3), more}, 0, "[0 5) 5 6 7", 8, "message format 3"},
		"a compression of the future":         {[][]byte{sealed(spoilt(five, 22, 5)), more}, 0, "[0 5) 5 6 7", 8, "compression, 5, is not known"},
		"it is not compressed as it says":     {[][]byte{sealed(spoilt(five, 22, byte(protocol.Gzip)))}, 0, "[0 5)", 5, "decompress gzip"},
		"nor by snappy":                       {[][]byte{sealed(spoilt(five, 22, byte(protocol.Snappy)))}, 0, "[0 5)", 5, "decompress snappy"},
		"nor by lz4":                          {[][]byte{sealed(spoilt(five, 22, byte(protocol.Lz4)))}, 0, "[0 5)", 5, "decompress lz4"},
		"nor by zstd":                         {[][]byte{sealed(spoilt(five, 22, byte(protocol.Zstd)))}, 0, "[0 5)", 5, "decompress zstd"},
		"fewer records than it says":          {[][]byte{sealed(spoilt(five, 60, 6))}, 0, "[0 5)", 5, "a record goes beyond its end"},
		"more records than it says":           {[][]byte{sealed(spoilt(five, 60, 4)), more}, 0, "[0 5) 5 6 7", 8, "bytes after its last record"},
		"less than no records":                {[][]byte{sealed(spoilt(five, 57, 0xff))}, 0, "[0 5)", 5, "bytes after its last record"},
		"a record longer than the batch":      {[][]byte{sealed(spoilt(five, 61, 0x7e))}, 0, "[0 5)", 5, "a record goes beyond its end"},
		"a value longer than the record":      {[][]byte{sealed(spoilt(five, 66, 0x40))}, 0, "[0 5)", 5, "a record: "},
		"a record of the next batch":          {[][]byte{sealed(spoilt(more, 64, 2*3))}, 5, "[5 8)", 8, "out of order"},
		"the last one of its own":             {[][]byte{sealed(spoilt(batch{first: 5, last: 7, gone: []int64{6, 7}}.encode(t), 64, 2*2))}, 5, "5 at 7@5", 8, ""},
		"a record before its batch":           {[][]byte{sealed(spoilt(more, 64, 1))}, 5, "[5 8)", 8, "out of order"},
		"two records of one offset":           {[][]byte{sealed(spoilt(more, 64+8, 0))}, 5, "[5 8)", 8, "out of order"},
		"a batch that ends before it began":   {[][]byte{sealed(spoilt(more, 23, 0xff))}, 5, "[5 6)", 6, "out of order"},
		"broken, from the middle on":          {[][]byte{sealed(spoilt(five, 60, 6)), more}, 3, "[3 5) 5 6 7", 8, "a record goes beyond its end"},
		"a good one before a broken one":      {[][]byte{five, sealed(spoilt(more, 60, 9))}, 0, "0 1 2 3 4 [5 8)", 8, "a record goes beyond its end"},
		"a broken one before a spoilt one":    {[][]byte{sealed(spoilt(five, 60, 6)), spoilt(more, len(more)-2, '?')}, 0, "[0 5)", 5, "a record goes beyond its end"},
		"the time is the broker's":            {[][]byte{batch{first: 0, last: 1, gone: nil, attributes: stamped}.encode(t)}, 0, "0@9999 1@9999", 2, ""},
		"the time is the broker's, it is old": {[][]byte{batch{first: 0, last: 1, gone: nil, attributes: stamped | int16(protocol.Lz4)}.encode(t)}, 1, "1@9999", 2, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var d kafka.Decoder
			if _, err := d.Decode(five, nil, 0); err != nil { // with the same decoder each time, as a reader does
				t.Fatal(err)
			}
			b, err := d.Decode(bytes.Join(tt.answer, nil), nil, tt.offset)
			if diff := cmp.Diff(tt.want, told(b)); diff != "" || b.Next != tt.next {
				t.Errorf("to go on at %d, want %d; (-want +got):\n%s", b.Next, tt.next, diff)
			}
			if len(b.Skipped) > 0 && err == nil {
				err = b.Skipped[0].Reason
			}
			if tt.problem == "" && err != nil || tt.problem != "" && (err == nil || !strings.Contains(err.Error(), tt.problem)) {
				t.Errorf("error %v, want %q", err, tt.problem)
			}
		})
	}
}

// spoilt returns a copy of b with another byte at one place.
func spoilt(b []byte, at int, to byte) []byte {
	b = bytes.Clone(b)
	b[at] = to
	return b
}

// told returns the values of records that encode has encoded, and between them the
// offsets that are skipped. A time is shown only where it differs from the offset.
func told(b stream.Batch) string {
	var words []string
	skipped := func(before int64) {
		for len(b.Skipped) > 0 && b.Skipped[0].From < before {
			words = append(words, fmt.Sprintf("[%d %d)", b.Skipped[0].From, b.Skipped[0].To))
			b.Skipped = b.Skipped[1:]
		}
	}
	for _, r := range b.Records {
		skipped(r.Offset)
		word := string(r.Value)
		if word != fmt.Sprint(r.Offset) {
			word = fmt.Sprintf("%s at %d", word, r.Offset)
		}
		if r.Time != r.Offset {
			word = fmt.Sprintf("%s@%d", word, r.Time)
		}
		words = append(words, word)
	}
	skipped(b.Next)
	return strings.Join(words, " ")
}

// Decoding must not allocate memory for each record: that would take longer than
// counting the records.
func TestDecodeAllocatesNothing(t *testing.T) {
	answer := append(batch{first: 0, last: 999}.encode(t), batch{first: 1000, last: 1999}.encode(t)...)
	var d kafka.Decoder
	if n := testing.AllocsPerRun(10, func() {
		if b, err := d.Decode(answer, nil, 0); err != nil || len(b.Records) != 2000 {
			t.Fatalf("%d records, %v", len(b.Records), err)
		}
	}); n > 0 {
		t.Errorf("2000 records cost %v allocations", n)
	}
}

// FuzzDecode checks that decoding ends whatever a broker sends, and returns no record
// before the requested offset.
func FuzzDecode(f *testing.F) {
	f.Add(batch{first: 0, last: 4, gone: []int64{2}}.encode(f), int64(0))
	f.Add(batch{first: 0, last: 2, attributes: int16(protocol.Zstd)}.encode(f), int64(1))
	f.Add(append(batch{first: 0, last: 0, attributes: control}.encode(f), batch{first: 1, last: 2}.encode(f)[:40]...), int64(0))
	f.Fuzz(func(t *testing.T, raw []byte, offset int64) {
		check := func(raw []byte) {
			var d kafka.Decoder
			b, err := d.Decode(raw, []kmsg.FetchResponseTopicPartitionAbortedTransaction{{ProducerID: 7, FirstOffset: 3}}, offset)
			if b.Next < offset || err == nil && len(raw) > 0 && b.Next == offset || err != nil && len(b.Records)+len(b.Skipped) > 0 {
				t.Fatalf("from %d on to %d, %d records, %d skipped, %v", offset, b.Next, len(b.Records), len(b.Skipped), err)
			}
			for _, r := range b.Records {
				if r.Offset < offset || r.Offset >= b.Next {
					t.Fatalf("offset %d was asked for, to go on at %d, and the record at %d returned", offset, b.Next, r.Offset)
				}
			}
			for _, s := range b.Skipped {
				if s.From < offset || s.To > b.Next || s.To <= s.From || s.Reason == nil {
					t.Fatalf("offset %d was asked for, to go on at %d, and %+v skipped", offset, b.Next, s)
				}
			}
		}
		check(raw)
		if len(raw) > 21 {
			check(sealed(raw)) // with a right checksum, since a wrong one is refused at once
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	answer := batch{first: 0, last: 999}.encode(b)
	var d kafka.Decoder
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Decode(answer, nil, 0); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/record")
}
