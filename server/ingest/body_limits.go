package ingest

import (
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
)

// Limits of bodies.
const (
	maxReactionBytes = 16 << 10 // of a body with one reaction, and of one line of a stream
	maxArrayBytes    = 4 << 20
	maxArrayItems    = 10_000
)

// MaxBody is how many bytes a body may have that is read whole: every body but a stream
// of lines.
const MaxBody = maxArrayBytes

// maxKeptBytes is how much memory buffers may have to be kept for later requests.
// Larger ones are freed.
const maxKeptBytes = 64 << 10

// buffers are the memory of one request, used again by later ones.
type buffers struct {
	body        []byte
	batch       batch
	answer      []byte
	contentType []string // of answers; net/http only reads it
}

// release gives the buffers back to their pool, unless they are larger than
// maxKeptBytes.
func (b *buffers) release(pool *sync.Pool) {
	b.batch.reset()
	if cap(b.body)+cap(b.batch.values) <= maxKeptBytes {
		pool.Put(b)
	}
}

// read reads a body of at most limit bytes into b.body. What comes above 16 KiB is
// counted in p before it is read.
func (b *buffers) read(w http.ResponseWriter, r *http.Request, limit int64, p *place) *httpserve.Refusal {
	if r.ContentLength > limit {
		w.Header().Set("Connection", "close")
		return bodyTooLarge(limit)
	}
	var err error
	if n := int(r.ContentLength); n >= 0 && n <= maxReactionBytes {
		if cap(b.body) < n {
			b.body = make([]byte, n)
		}
		b.body = b.body[:n]
		_, err = io.ReadFull(r.Body, b.body)
	} else {
		var refusal *httpserve.Refusal
		if refusal, err = b.readGrowing(w, r, limit, p); refusal != nil {
			httpserve.LimitRefusedBody(w)
			return refusal
		}
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return bodyTooLarge(limit)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return tooSlow("the body did not arrive in time: send it at once")
	}
	if err != nil {
		return httpserve.Refusalf(http.StatusBadRequest, "broken_body", "the body ended before its time: send it again whole (%v)", err)
	}
	return nil
}

// A body above 16 KiB must keep up this pace. Its n-th byte must have come within
// bodyGrace and n/minBodyRate seconds.
const (
	bodyGrace   = 5 * time.Second
	minBodyRate = 16 << 10 // bytes a second
)

// readGrowing reads a body that may be large. Memory for it is counted and taken as it
// comes: at most as much again as has come. It returns a refusal if there is no room.
func (b *buffers) readGrowing(w http.ResponseWriter, r *http.Request, limit int64, p *place) (*httpserve.Refusal, error) {
	begun, body, end := time.Now(), http.MaxBytesReader(w, r.Body, limit), limit+1 // +1: so that a body that is too long is noticed
	if r.ContentLength >= 0 {
		end = r.ContentLength
	}
	counted := int64(maxReactionBytes) // how far the body may be read
	for b.body = b.body[:0]; ; {
		have := int64(len(b.body))
		if have == counted {
			more := min(have, end-have)
			if refusal := p.grow(more); refusal != nil {
				return refusal, nil
			}
			counted += more
		}
		if p.large {
			deadline := begun.Add(bodyGrace + time.Duration(have)*(time.Second/minBodyRate))
			_ = http.NewResponseController(w).SetReadDeadline(deadline) // fails in tests without a network
		}
		b.body = slices.Grow(b.body, int(counted-have))
		n, err := body.Read(b.body[have:counted])
		b.body = b.body[:have+int64(n)]
		switch {
		case int64(len(b.body)) == r.ContentLength, errors.Is(err, io.EOF) && r.ContentLength < 0:
			return nil, nil
		case errors.Is(err, io.EOF):
			return nil, io.ErrUnexpectedEOF
		case err != nil:
			return nil, err
		}
	}
}

// limitUnreadBody gives the rest of a body [httpserve.UnreadBodyTimeout] to arrive. net/http
// reads that rest before it sends an answer, and a client may never end its body.
func limitUnreadBody(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(httpserve.UnreadBodyTimeout))
}

func bodyTooLarge(limit int64) *httpserve.Refusal {
	return httpserve.Refusalf(http.StatusRequestEntityTooLarge, "too_large", "the body has more than %d bytes: send less at once, or as application/x-ndjson to /v1/reactions: %s", limit, oneALine)
}

// tooSlow returns the refusal of a request whose body did not arrive in time. The
// connection cannot be used again.
func tooSlow(message string) *httpserve.Refusal {
	return &httpserve.Refusal{Status: http.StatusRequestTimeout, Code: "too_slow", Message: message}
}
