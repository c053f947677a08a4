package fanout

import (
	"context"
	"net/http"
	"time"
)

// relay is a line over net/http, for TLS, HTTP/2 and wherever the socket cannot
// be had: the goroutine of the request writes what the shard hands it, one frame
// at a time.
type relay struct {
	w      http.ResponseWriter
	rc     *http.ResponseController
	addr   string
	frames chan []byte // of one; closed when the stream ends

	// Guarded by the lock of the connection's shard.
	busy    bool // a frame was handed over
	written bool // and is written
}

func newRelay(w http.ResponseWriter, r *http.Request) *relay {
	return &relay{w: w, rc: http.NewResponseController(w), addr: r.RemoteAddr, frames: make(chan []byte, 1)}
}

// write hands b over, and says that the client took it when it is given again
// after it was written.
func (l *relay) write(b []byte) (int, error) {
	if l.written {
		l.busy, l.written = false, false
		return len(b), nil
	}
	if !l.busy {
		l.busy = true
		l.frames <- b
	}
	return 0, nil
}

func (l *relay) close(atOnce bool) {
	if atOnce { // interrupts a write; the handler cannot have returned, for it asks the shard first
		_ = l.rc.SetWriteDeadline(time.Unix(1, 0))
	}
	close(l.frames)
}

func (l *relay) from() string { return l.addr }

// run writes until the stream ends or the client leaves.
func (l *relay) run(ctx context.Context, sh *shard, c *conn) {
	for {
		select {
		case b, more := <-l.frames:
			if !more {
				return
			}
			_, err := l.w.Write(b)
			if err == nil {
				err = l.rc.Flush()
			}
			if err != nil {
				sh.Leave(c)
				return
			}
			sh.Written(c, l)
		case <-ctx.Done():
			sh.Leave(c)
			return
		}
	}
}
