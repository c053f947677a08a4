package ingest

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// A bulk appends its batch to the log when the batch has reached one of these sizes.
const (
	batchRecords = 5_000
	batchBytes   = 512 << 10 // of the records' values
)

// MaxRecords is the most records that are appended to the log at once.
const MaxRecords = batchRecords + maxCount - 1

// batch holds records until they are appended to the log. reset keeps its memory for
// the next batch, so that a record costs no allocation.
type batch struct {
	records []stream.Record
	bytes   int    // of the records' values
	values  []byte // their bytes; when it grows, earlier values stay in its former array
}

// add adds a reaction, as one record for each time that it counts. acceptedAt is when
// it was accepted, in ms since 1970.
func (b *batch) add(r reaction, acceptedAt int64) {
	begin := len(b.values)
	if r.Timestamp == "" {
		r.Timestamp = formatTime(acceptedAt)
	}
	b.values = wire.AppendReaction(b.values, r.Reaction)
	value := b.values[begin:len(b.values):len(b.values)]
	for range r.count {
		b.records = append(b.records, stream.Record{Time: acceptedAt, Value: value})
		b.bytes += len(value)
	}
}

func (b *batch) reset() {
	b.records, b.bytes, b.values = b.records[:0], 0, b.values[:0]
}

// bulk takes in the reactions of an array or a stream. It appends them in batches,
// and records the outcome of each under its number.
//
// If the log does not take a batch, no further batch is offered to it: otherwise the
// client would have to wait until all of them have failed. The reactions that follow
// are refused as not written.
type bulk struct {
	handler    *Handler
	part       part // what each of its reactions is of the request
	from       client
	turn       turn
	record     func(number int, acceptedAt int64, refusal *httpserve.Refusal)
	logFailure *httpserve.Refusal // why the log did not take a batch

	spent   *httpserve.Refusal // since the address had no token left; until the next flush
	unpaid  int                // bytes of the reactions that were refused with it
	numbers []int              // of the reactions in the batch
	batch   batch
	at      time.Time // when the batch was begun
}

// add takes in one reaction, as JSON.
func (b *bulk) add(ctx context.Context, number int, json []byte) {
	if b.spent == nil && !b.handler.quotas.takeOne(b.from) {
		b.spent = b.handler.quotas.spent(b.from) // made once for thousands of reactions
	}
	if b.spent != nil {
		b.unpaid += len(json)
		b.refuse(number, b.spent)
		return
	}
	from := b.from
	from.paid = 1
	one, refusal := b.handler.admit(b.part, json, from)
	if refusal == nil && b.logFailure != nil {
		refusal = &httpserve.Refusal{
			Status: http.StatusServiceUnavailable, Code: "not_written", RetryAfter: time.Second,
			Message: "the reaction was not written, because kafka did not take those before it: send it again after a second",
		}
	}
	if refusal != nil {
		b.refuse(number, refusal)
		return
	}
	if len(b.batch.records) == 0 {
		b.at = time.Now()
	}
	b.batch.add(one, b.at.UnixMilli())
	b.numbers = append(b.numbers, number)
	if len(b.batch.records) >= batchRecords || b.batch.bytes >= batchBytes {
		b.flush(ctx)
	}
}

// refuse records a refusal and counts it.
func (b *bulk) refuse(number int, refusal *httpserve.Refusal) {
	b.handler.refused.WithLabelValues(refusal.Code).Inc()
	b.record(number, 0, refusal)
}

// flush appends the batch to the log and records the outcomes. It charges the address
// for what was refused because it had no token left, since that was read.
func (b *bulk) flush(ctx context.Context) {
	if b.spent != nil {
		b.handler.quotas.charge(b.from, b.unpaid/chargedBytes)
		b.spent, b.unpaid = nil, 0
	}
	if len(b.batch.records) == 0 {
		return
	}
	mine := b.turn.mine
	b.turn.end() // others need not wait for the log, too
	if err := b.handler.append(ctx, b.batch.records, b.at); err != nil {
		b.logFailure = logRefusal(err)
	}
	if mine {
		b.turn.begin()
	}
	for _, number := range b.numbers {
		if b.logFailure != nil {
			b.refuse(number, b.logFailure)
		} else {
			b.record(number, b.at.UnixMilli(), nil)
		}
	}
	b.numbers = b.numbers[:0]
	b.batch.reset()
}

// append puts records into the log and counts them.
func (h *Handler) append(ctx context.Context, records []stream.Record, at time.Time) error {
	if err := h.cfg.Log.Append(ctx, records); err != nil {
		return err
	}
	h.accepted.Add(float64(len(records)))
	for ms, last := at.UnixMilli(), h.lastAccepted.Load(); ms > last; last = h.lastAccepted.Load() { // an append that began later may have ended before this one
		if h.lastAccepted.CompareAndSwap(last, ms) {
			break
		}
	}
	return nil
}

// logRefusal returns the refusal of reactions that the log did not acknowledge. err is
// the log's error.
func logRefusal(err error) *httpserve.Refusal {
	if errors.Is(err, stream.ErrNotWritten) {
		return &httpserve.Refusal{
			Status: http.StatusServiceUnavailable, Code: "not_written", RetryAfter: time.Second,
			Message: "the reaction was not written, because kafka did not take it: send it again after a second",
		}
	}
	return &httpserve.Refusal{
		Status: http.StatusServiceUnavailable, Code: "in_doubt", RetryAfter: time.Second,
		Message: "the reaction may or may not have been written, because kafka's answer is missing: sent again, it may count twice",
	}
}
