package httpserve

import (
	"math/rand/v2"
	"net/http"
	"strconv"
)

const (
	requestIDHeader = "X-Request-Id"
	maxRequestID    = 128 // bytes
)

// RequestID returns the id of a request for answers and logs: the X-Request-Id that the
// client or a proxy sent, if it is valid, else a new random id. It also sets
// X-Request-Id of the answer, so it must be called before the answer's headers are
// sent.
func RequestID(w http.ResponseWriter, r *http.Request) string {
	h := w.Header()
	if set := h[requestIDHeader]; len(set) > 0 {
		return set[0]
	}
	id := []string{""}
	if sent := r.Header[requestIDHeader]; len(sent) > 0 && validRequestID(sent[0]) {
		id = sent[:1:1]
	} else {
		id[0] = strconv.FormatUint(rand.Uint64()|1<<63, 36) // always 13 characters
	}
	h[requestIDHeader] = id
	return id[0]
}

// EchoRequestID sets X-Request-Id on the answer to every request that has one. A
// request without one gets an id only if it is refused; for other answers an id is not
// worth its cost.
func EchoRequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.Header[requestIDHeader]) > 0 {
			RequestID(w, r)
		}
		next.ServeHTTP(w, r)
	})
}

// validRequestID says whether an id is 1 to 128 bytes of visible ASCII, which is safe
// in headers and logs.
func validRequestID(id string) bool {
	if len(id) == 0 || len(id) > maxRequestID {
		return false
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return true
}
