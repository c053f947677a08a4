package kafka_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/emostream/emostream/internal/kafka"
)

func TestAbortedTransactionsAreLeftOut(t *testing.T) {
	const marker = transactional | control
	of := func(producer int64, first, last int64, attributes int16) []byte {
		return batch{first: first, last: last, attributes: attributes, producer: producer}.encode(t)
	}
	epoch := func(epoch int16, producer, first, last int64, attributes int16) []byte {
		return batch{first: first, last: last, attributes: attributes, producer: producer, epoch: epoch}.encode(t)
	}
	for name, tt := range map[string]struct {
		answer  [][]byte
		aborted []int64 // pairs of a producer and the first offset of its transaction
		offset  int64
		want    string
		next    int64
	}{
		"none":                               {[][]byte{of(7, 0, 2, transactional), of(7, 3, 3, marker), of(8, 4, 5, 0)}, nil, 0, "0 1 2 4 5", 6},
		"one, and what follows its marker":   {[][]byte{of(7, 0, 2, transactional), of(7, 3, 3, marker), of(7, 4, 5, transactional), of(7, 6, 6, marker)}, []int64{7, 0}, 0, "4 5", 7},
		"one, in several batches":            {[][]byte{of(7, 0, 1, transactional), of(7, 2, 3, transactional), of(7, 4, 4, marker)}, []int64{7, 0}, 0, "", 5},
		"one that begins before the answer":  {[][]byte{of(7, 4, 6, transactional), of(7, 7, 7, marker), of(7, 8, 8, transactional)}, []int64{7, 1}, 5, "8", 9},
		"one without its end in the answer":  {[][]byte{of(8, 0, 1, 0), of(7, 2, 4, transactional)}, []int64{7, 2}, 0, "0 1", 5},
		"two, one after the other":           {[][]byte{of(7, 0, 0, transactional), of(7, 1, 1, marker), of(7, 2, 2, transactional), of(7, 3, 3, marker), of(7, 4, 4, transactional), of(7, 5, 5, marker)}, []int64{7, 4, 7, 0}, 0, "2", 6},
		"two at the same time":               {[][]byte{of(7, 0, 0, transactional), of(8, 1, 1, transactional), of(9, 2, 2, transactional), of(8, 3, 3, marker), of(8, 4, 4, transactional), of(7, 5, 5, marker)}, []int64{8, 1, 7, 0}, 0, "2 4", 6},
		"others in between":                  {[][]byte{of(7, 0, 0, transactional), of(8, 1, 1, 0), of(9, 2, 2, transactional), of(7, 3, 3, transactional), of(7, 4, 4, marker)}, []int64{7, 0}, 0, "1 2", 5},
		"the marker of another":              {[][]byte{of(7, 0, 0, transactional), of(8, 1, 1, marker), of(7, 2, 2, transactional), of(7, 3, 3, marker)}, []int64{7, 0}, 0, "", 4},
		"its producer, without transactions": {[][]byte{of(7, 0, 0, transactional), of(7, 1, 1, 0)}, []int64{7, 0}, 0, "1", 2},
		"one before it was committed":        {[][]byte{of(7, 0, 0, transactional), of(7, 1, 1, marker), of(7, 2, 2, transactional), of(7, 3, 3, marker)}, []int64{7, 2}, 0, "0", 4},
		"without a marker, before a greater epoch": {
			[][]byte{epoch(4, 7, 0, 1, transactional), epoch(4, 7, 2, 2, transactional), epoch(5, 7, 3, 4, transactional), epoch(5, 7, 5, 5, marker)},
			[]int64{7, 0},
			0, "3 4", 6,
		},
		"without a marker, and the next too": {
			[][]byte{epoch(4, 7, 0, 1, transactional), epoch(5, 7, 2, 2, transactional), epoch(6, 7, 3, 3, transactional)},
			[]int64{7, 0, 7, 2},
			0, "3", 4,
		},
		"its marker has a greater epoch": {
			[][]byte{epoch(4, 7, 0, 1, transactional), epoch(5, 7, 2, 2, marker), epoch(5, 7, 3, 3, transactional)},
			[]int64{7, 0},
			0, "3", 4,
		},
		"one whose content cannot be read": {[][]byte{sealed(spoilt(of(7, 0, 4, transactional), 60, 9)), of(7, 5, 5, marker)}, []int64{7, 0}, 0, "", 6},
	} {
		t.Run(name, func(t *testing.T) {
			var aborted []kmsg.FetchResponseTopicPartitionAbortedTransaction
			for pair := range slices.Chunk(tt.aborted, 2) {
				aborted = append(aborted, kmsg.FetchResponseTopicPartitionAbortedTransaction{ProducerID: pair[0], FirstOffset: pair[1]})
			}
			var d kafka.Decoder
			b, err := d.Decode(bytes.Join(tt.answer, nil), aborted, tt.offset)
			if diff := cmp.Diff(tt.want, told(b)); diff != "" || err != nil || b.Next != tt.next {
				t.Errorf("to go on at %d, want %d; %v; (-want +got):\n%s", b.Next, tt.next, err, diff)
			}
		})
	}
}
