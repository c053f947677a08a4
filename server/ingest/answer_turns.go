package ingest

import (
	"net/http"
	"strconv"
	"time"
)

// An address that has more than this many requests in flight is sent its answers in turn.
const answeredFreely = 16

// maxAnswerWait is how long an answer waits for its turn at most: a client that does not
// read what it is sent must not keep the others of its address from their answers.
const maxAnswerWait = 20 * time.Millisecond

// answer answers a request with one reaction, which was accepted at acceptedAt, in ms
// since 1970.
//
// When a batch is in the log, all whose reactions are in it are answered at once. Hundreds
// of them may come from one address, that sends as much as it may on as many connections:
// then others would have to wait until all of these are answered, and then until the next
// requests of all of these are read. So such an address is sent one answer after the other,
// by as many processors as work on its arrays. That slows it down no further than to what
// these processors can send.
func (h *Handler) answer(w http.ResponseWriter, b *buffers, from client, acceptedAt int64) {
	if h.inFlight.requests.shares.Held(from.address) <= answeredFreely {
		b.answerQueued(w, acceptedAt)
		return
	}
	turn := h.answerTurns.of(from.address)
	turn.beginWithin(maxAnswerWait)
	defer turn.end()
	w.Header()["Content-Length"] = h.queuedLength
	b.answerQueued(w, acceptedAt)
	_ = http.NewResponseController(w).Flush() // a client that left needs no answer; fails in tests without a network
}

// queuedLength is the value of Content-Length of the answers of answerQueued.
func queuedLength() []string {
	return []string{strconv.Itoa(len(appendQueued(nil, 0)))}
}
