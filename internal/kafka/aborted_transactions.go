package kafka

import (
	"cmp"
	"slices"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// aborts finds the batches of aborted transactions in an answer to a fetch. A broker
// names each such transaction by its producer and its first offset. The transaction
// ends with the producer's marker, which is a control batch. The embedded broker aborts
// what was open when it was killed, without a marker: that transaction ends where a
// greater epoch of the producer begins.
type aborts struct {
	ahead []kmsg.FetchResponseTopicPartitionAbortedTransaction // those that begin later, by offset
	open  map[int64]int16                                      // by producer: the epoch of the transaction, or noEpoch before its first batch
}

// noEpoch is less than all epochs.
const noEpoch int16 = -1

func newAborts(aborted []kmsg.FetchResponseTopicPartitionAbortedTransaction) aborts {
	if len(aborted) == 0 {
		return aborts{}
	}
	ahead := slices.SortedFunc(slices.Values(aborted), func(a, b kmsg.FetchResponseTopicPartitionAbortedTransaction) int {
		return cmp.Compare(a.FirstOffset, b.FirstOffset)
	})
	return aborts{ahead: ahead, open: map[int64]int16{}}
}

// holds says whether a batch, which ends at last, belongs to an aborted transaction. It
// must be called for all batches of an answer in their order.
func (a *aborts) holds(b *kmsg.RecordBatch, last int64) bool {
	for len(a.ahead) > 0 && a.ahead[0].FirstOffset <= last {
		a.open[a.ahead[0].ProducerID] = noEpoch
		a.ahead = a.ahead[1:]
	}
	epoch, open := a.open[b.ProducerID]
	attributes := protocol.Attributes(b.Attributes)
	switch {
	case !open || !attributes.Transactional():
		return false
	case attributes.Control(), epoch != noEpoch && b.ProducerEpoch > epoch:
		delete(a.open, b.ProducerID)
		return false
	}
	a.open[b.ProducerID] = b.ProducerEpoch
	return true
}
