package ingest

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/wire"
)

// maxKept is the most memory, in bytes, that waits with a scratch for the next
// request.
const maxKept = 64 << 10

// scratch is the memory of one request, used again by later ones.
type scratch struct {
	body        []byte
	batch       batch
	answer      []byte
	contentType []string // of answers; net/http only reads it
}

// release puts the scratch back for others to use.
func (s *scratch) release(pool *sync.Pool) {
	s.batch.reset()
	if cap(s.body)+cap(s.batch.values) <= maxKept {
		pool.Put(s)
	}
}

// queued is the answer to a reaction that was accepted at a time in ms.
func (s *scratch) queued(at int64) []byte {
	s.answer = append(s.answer[:0], `{"status":"Message queued","accepted_at":"`...)
	s.answer = wire.AppendTime(s.answer, at)
	s.answer = append(s.answer, "\"}\n"...)
	return s.answer
}

// read returns a JSON body of at most limit bytes, which is valid until release.
func (s *scratch) read(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, *httpserve.Refusal) {
	if mediaType(r) != jsonType {
		hangUp(w)
		return nil, httpserve.Refusalf(http.StatusUnsupportedMediaType, "unsupported_media_type",
			"content type %.64q is not taken: send JSON with Content-Type: application/json", r.Header.Get("Content-Type"))
	}
	if r.ContentLength > limit {
		w.Header().Set("Connection", "close")
		return nil, tooLarge(limit)
	}
	var err error
	if n := int(r.ContentLength); n >= 0 {
		if cap(s.body) < n {
			s.body = make([]byte, n)
		}
		s.body = s.body[:n]
		_, err = io.ReadFull(r.Body, s.body)
	} else {
		s.body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge(limit)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, tooSlow("the body did not arrive in time: send it at once")
	}
	if err != nil {
		return nil, httpserve.Refusalf(http.StatusBadRequest, "broken_body", "the body ended before its time: send it again whole (%v)", err)
	}
	return s.body, nil
}

func tooLarge(limit int64) *httpserve.Refusal {
	return httpserve.Refusalf(http.StatusRequestEntityTooLarge, "too_large", "the body has more than %d bytes: send less at once, or one reaction a line as application/x-ndjson to /v1/reactions", limit)
}
