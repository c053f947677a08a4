package httpserve

import (
	"math/rand/v2"
	"net/http"
	"strconv"
)

const (
	requestID    = "X-Request-Id"
	maxRequestID = 128 // bytes
)

// RequestID is what a request is called in answers and logs: what its client, or a
// proxy, calls it in X-Request-Id, if that is sane, else a new id. The answer's
// header says it too from here on, so it must not be sent yet.
func RequestID(w http.ResponseWriter, r *http.Request) string {
	h := w.Header()
	if said := h[requestID]; len(said) > 0 {
		return said[0]
	}
	id := []string{""}
	if sent := r.Header[requestID]; len(sent) > 0 && saneID(sent[0]) {
		id = sent[:1:1]
	} else {
		id[0] = strconv.FormatUint(rand.Uint64()|1<<63, 36) // of one length
	}
	h[requestID] = id
	return id[0]
}

// EchoRequestID has every answer to a request that has an id tell it. One without
// gets an id only when it is refused: to make one and send it back costs a
// successful request more than anybody would learn from it.
func EchoRequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.Header[requestID]) > 0 {
			RequestID(w, r)
		}
		next.ServeHTTP(w, r)
	})
}

// saneID says whether an id is short enough and of visible ASCII, so that it can
// stand in a header and in a log.
func saneID(id string) bool {
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
