package httpserve

import (
	"bufio"
	"bytes"
	"net"
	"net/http"
	"time"
)

// The answer on a connection over the limit. CORS headers may stand between the two.
const (
	tooManyStatus      = "HTTP/1.1 503 Service Unavailable\r\n"
	tooManyConnections = "Content-Type: application/json\r\nContent-Length: 120\r\nRetry-After: 1\r\nConnection: close\r\n\r\n" +
		`{"error":"this server has as many connections as it takes: try again after a second, or elsewhere","code":"overloaded"}` + "\n"
)

const (
	maxRefusing       = 64                     // connections that are refused with an answer at the same time
	refuseTimeout     = time.Second            // for a whole refusal
	shareRefusalDelay = 500 * time.Millisecond // before an address that has its share is refused
	maxLeaving        = 1024                   // connections that wait for that without an answer to come
	maxRefusedRead    = 64 << 10               // bytes of a refused request that are read
	refusedReadBuffer = 4 << 10                // bytes
)

// refuse answers on a connection over a limit, if not too many are answered already, and
// closes it. An address that has its share waits for that, since it may come again at once.
func (l *Connections) refuse(c net.Conn, why verdict) {
	var wait time.Duration
	places := l.refusing
	if why == overShare {
		wait, places = shareRefusalDelay, l.refusingShare
	}
	select {
	case places <- struct{}{}:
		go func() {
			l.answer(c, wait)
			<-places
		}()
		return
	default:
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if wait == 0 || len(l.leaving) >= maxLeaving {
		_ = c.Close()
		return
	}
	l.leaving[c] = time.AfterFunc(wait, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.leaving, c)
		_ = c.Close()
	})
}

// answer answers on a connection over a limit, at the soonest after a time, and closes it.
func (l *Connections) answer(c net.Conn, wait time.Duration) {
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(wait + refuseTimeout))
	turn := time.NewTimer(wait)
	defer turn.Stop()
	select {
	case <-turn.C:
	case <-l.ended:
	}
	b := make([]byte, refusedReadBuffer)
	n, err := c.Read(b)
	if err != nil {
		return // the client has sent no request
	}
	if _, err := c.Write(l.tooMany(b[:n])); err != nil {
		return
	}
	if half, ok := c.(interface{ CloseWrite() error }); ok && half.CloseWrite() != nil {
		return
	}
	for read := 0; read < maxRefusedRead; {
		n, err := c.Read(b)
		if err != nil {
			return
		}
		read += n
	}
}

// tooMany returns the answer to a request, of which the beginning is given.
func (l *Connections) tooMany(request []byte) []byte {
	out := bytes.NewBufferString(tooManyStatus)
	if r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(request))); err == nil {
		if origin := r.Header.Get("Origin"); l.limits.Origins.Invite(origin) {
			h := http.Header{}
			l.limits.Origins.letRead(h, origin)
			_ = h.Write(out)
		}
	}
	out.WriteString(tooManyConnections)
	return out.Bytes()
}
