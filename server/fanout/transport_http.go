package fanout

import (
	"context"
	"net/http"
	"time"
)

// httpTransport writes through net/http: for TLS, for HTTP/2, and wherever the socket
// cannot be taken. The goroutine of the request writes what the shard hands it, one
// frame at a time.
type httpTransport struct {
	w      http.ResponseWriter
	rc     *http.ResponseController
	addr   string
	frames chan []byte // capacity 1; closed when the stream ends

	// Guarded by the lock of the listener's shard.
	writing bool // a frame was handed over, and write has not returned its length yet
	written bool // the goroutine has written that frame
}

func newHTTPTransport(w http.ResponseWriter, r *http.Request) *httpTransport {
	rc := http.NewResponseController(w)
	_ = rc.SetWriteDeadline(time.Time{}) // that of answers, which end; a stream has StallTimeout
	return &httpTransport{w: w, rc: rc, addr: r.RemoteAddr, frames: make(chan []byte, 1)}
}

// write hands b to the goroutine of the request, and returns 0. Once the goroutine has
// written b, the next call, with the same b, returns its length.
func (t *httpTransport) write(b []byte) (int, error) {
	if t.written {
		t.writing, t.written = false, false
		return len(b), nil
	}
	if !t.writing {
		t.writing = true
		t.frames <- b
	}
	return 0, nil
}

func (t *httpTransport) close(atOnce bool) {
	if atOnce {
		// Interrupts a write. The handler has not returned yet: before it does, it calls
		// shard.Leave, which waits for the lock that is held here.
		_ = t.rc.SetWriteDeadline(time.Unix(1, 0))
	}
	close(t.frames)
}

func (t *httpTransport) remoteAddr() string { return t.addr }

// run writes frames until the stream ends or the client leaves.
func (t *httpTransport) run(ctx context.Context, sh *shard, l *listener) {
	for {
		select {
		case b, more := <-t.frames:
			if !more {
				return
			}
			_, err := t.w.Write(b)
			if err == nil {
				err = t.rc.Flush()
			}
			if err != nil {
				sh.Leave(l)
				return
			}
			sh.Written(l, t)
		case <-ctx.Done():
			sh.Leave(l)
			return
		}
	}
}
