package kafka_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/snappy"
	"github.com/segmentio/kafka-go/compress"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/emostream/emostream/internal/kafka"
)

// sealedBatch returns a batch at offset first that says it has n records, which are
// compressed by codec.
func sealedBatch(first int64, n int, codec compress.Compression, compressed []byte) []byte {
	raw := kmsg.RecordBatch{
		FirstOffset: first, LastOffsetDelta: int32(n - 1), Magic: 2, Attributes: int16(codec), NumRecords: int32(n), Records: compressed,
	}
	return sealed(raw.AppendTo(nil))
}

// zeros returns a record whose value is n zeros.
func zeros(n int) []byte {
	r := kmsg.Record{Value: make([]byte, n)}
	one := r.AppendTo(nil)[1:]
	return append(binary.AppendVarint(nil, int64(len(one))), one...)
}

// compressed compresses b as Java's clients do.
func compressed(tb testing.TB, codec compress.Compression, b []byte) []byte {
	tb.Helper()
	if codec == compress.None {
		return b
	}
	var small bytes.Buffer
	w := codec.Codec().NewWriter(&small)
	if _, err := w.Write(b); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return small.Bytes()
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestInflatingIsBounded(t *testing.T) {
	const perRecord = 96
	overhead := len(zeros(kafka.MaxDecodedBytes)) - kafka.MaxDecodedBytes
	most := kafka.MaxDecodedBytes - perRecord - overhead // the longest value that is taken
	small := batch{first: 1, last: 3}.encode(t)
	for _, codec := range []compress.Compression{compress.Gzip, compress.Snappy, compress.Lz4, compress.Zstd} {
		t.Run(codec.String(), func(t *testing.T) {
			for _, tt := range []struct {
				value int
				taken bool
			}{{most, true}, {most + 1, false}, {150 << 20, false}} {
				answer := append(sealedBatch(0, 1, codec, compressed(t, codec, zeros(tt.value))), small...)
				var d kafka.Decoder
				n := allocated(func() {
					b, err := d.Decode(answer, nil, 0)
					switch {
					case err != nil:
						t.Errorf("%d bytes: %v", tt.value, err)
					case tt.taken && (len(b.Records) != 1 || len(b.Records[0].Value) != tt.value || len(b.Skipped) > 0 || b.Next != 1):
						t.Errorf("%d bytes: %d records, %v skipped, next %d; want it read, and the rest left", tt.value, len(b.Records), b.Skipped, b.Next)
					case !tt.taken && (told(b) != "[0 1) 1 2 3" || !strings.Contains(b.Skipped[0].Reason.Error(), "more than 64 MiB")):
						t.Errorf("%d bytes: %s, %v; want it skipped for its size", tt.value, told(b), b.Skipped)
					}
				})
				if n > 6*kafka.MaxDecodedBytes { // slices that grow are copied
					t.Errorf("%d bytes cost %d MiB of memory", tt.value, n>>20)
				}
			}
		})
	}
}

// An answer holds what fits into the memory. The rest is left for the next fetch, also
// if many small batches are large together.
func TestABatchThatDoesNotFitIsLeftForTheNextFetch(t *testing.T) {
	third := compressed(t, compress.Zstd, zeros(kafka.MaxDecodedBytes/3))
	var answer []byte
	for i := range int64(5) {
		answer = append(answer, sealedBatch(i, 1, compress.Zstd, third)...)
	}
	var d kafka.Decoder
	var got []string
	for offset := int64(0); offset < 5; {
		b, err := d.Decode(answer, nil, offset)
		if err != nil || len(b.Skipped) > 0 {
			t.Fatalf("from %d: %v, %v skipped", offset, err, b.Skipped)
		}
		got = append(got, fmt.Sprint(len(b.Records)))
		offset = b.Next
	}
	if s := strings.Join(got, " "); s != "2 2 1" {
		t.Errorf("the fetches returned %s records, want 2 2 1", s)
	}
}

// Records that are small take more memory than their bytes.
func TestManySmallRecordsAreBounded(t *testing.T) {
	record := kmsg.Record{}
	n := kafka.MaxDecodedBytes / 96
	for _, tt := range []struct {
		records int
		want    bool
	}{{n * 9 / 10, true}, {n + 1, false}} {
		var records []byte
		for i := range tt.records {
			record.OffsetDelta = int32(i)
			one := record.AppendTo(nil)[1:]
			records = append(binary.AppendVarint(records, int64(len(one))), one...)
		}
		var d kafka.Decoder
		b, err := d.Decode(sealedBatch(0, tt.records, compress.None, records), nil, 0)
		if taken := len(b.Records) == tt.records; err != nil || taken != tt.want || (len(b.Skipped) == 0) != tt.want {
			t.Errorf("%d records: %d read, %d skipped, %v", tt.records, len(b.Records), len(b.Skipped), err)
		}
	}
	record.Headers = make([]kmsg.Header, kafka.MaxDecodedBytes/40)
	one := record.AppendTo(nil)[1:]
	var d kafka.Decoder
	b, err := d.Decode(sealedBatch(0, 1, compress.None, append(binary.AppendVarint(nil, int64(len(one))), one...)), nil, 0)
	if err != nil || len(b.Skipped) != 1 {
		t.Errorf("a record of headers: %d read, %d skipped, %v", len(b.Records), len(b.Skipped), err)
	}
}

// What a batch announces is not allocated before it is there.
func TestAnnouncedSizesAreNotBelieved(t *testing.T) {
	header := []byte("\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01")
	for name, tt := range map[string]struct {
		codec compress.Compression
		bytes []byte
	}{
		"a frame of 4 GiB in snappy":        {compress.Snappy, slices.Concat(header, []byte{0xff, 0xff, 0xff, 0xff, 0})},
		"a block of 4 GiB in snappy":        {compress.Snappy, []byte{0xff, 0xff, 0xff, 0xff, 0x0f, 0}},
		"the same in a frame":               {compress.Snappy, slices.Concat(header, []byte{0, 0, 0, 6, 0xff, 0xff, 0xff, 0xff, 0x0f, 0})},
		"half a frame in snappy":            {compress.Snappy, slices.Concat(header, []byte{0, 0})},
		"a window of 512 MiB in zstd":       {compress.Zstd, []byte{0x28, 0xb5, 0x2f, 0xfd, 0, 19 << 3, 1, 0, 0}},
		"a content of 2 GiB in zstd":        {compress.Zstd, []byte{0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0x80, 1, 0, 0}},
		"a content of just the bound, zstd": {compress.Zstd, []byte{0x28, 0xb5, 0x2f, 0xfd, 0xa0, 1, 0, 0, 0x04, 1, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			answer := sealedBatch(0, 1, tt.codec, tt.bytes)
			var d kafka.Decoder
			if n := allocated(func() {
				if b, err := d.Decode(answer, nil, 0); err != nil || told(b) != "[0 1)" {
					t.Errorf("%s, %v; want it skipped", told(b), err)
				}
			}); n > 8<<20 {
				t.Errorf("it cost %d MiB of memory", n>>20)
			}
		})
	}
}

// Snappy is read with the framing of Java's clients and without.
func TestSnappyIsReadInBothForms(t *testing.T) {
	records := zeros(100_000)
	for name, compressed := range map[string][]byte{
		"in frames": compressed(t, compress.Snappy, records),
		"bare":      snappy.Encode(nil, records),
	} {
		var d kafka.Decoder
		b, err := d.Decode(sealedBatch(0, 1, compress.Snappy, compressed), nil, 0)
		if err != nil || len(b.Records) != 1 || len(b.Records[0].Value) != 100_000 {
			t.Errorf("%s: %s, %v", name, told(b), err)
		}
	}
}
