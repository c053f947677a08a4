package httpserve

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// The answers on a connection over the limit. CORS headers may stand after the first line.
const (
	preflightStatus    = "HTTP/1.1 204 No Content\r\n"
	preflightEnd       = "Connection: close\r\n\r\n"
	tooManyStatus      = "HTTP/1.1 503 Service Unavailable\r\n"
	tooManyConnections = "Content-Type: application/json\r\nContent-Length: 120\r\nRetry-After: 1\r\nConnection: close\r\n\r\n" +
		`{"error":"this server has as many connections as it takes: try again after a second, or elsewhere","code":"overloaded"}` + "\n"
)

const (
	maxRefusing       = 64                     // connections that are refused with an answer at the same time
	refuseTimeout     = time.Second            // for a whole refusal
	refusedHeadTime   = 250 * time.Millisecond // for the rest of a header that has begun to arrive
	shareRefusalDelay = 500 * time.Millisecond // before an address that has its share is refused
	maxLeaving        = 1024                   // connections that wait for that without an answer to come
	maxRefusedRead    = 64 << 10               // bytes of a refused request that are read
	refusedReadBuffer = 4 << 10                // bytes; of a longer header these are read
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
		closeAtOnce(c)
		return
	}
	l.leaving[c] = time.AfterFunc(wait, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.leaving, c)
		closeAtOnce(c)
	})
}

// answer answers on a connection over a limit, at the soonest after a time, and closes it.
func (l *Connections) answer(c net.Conn, wait time.Duration) {
	defer closeAtOnce(c)
	end := time.Now().Add(wait + refuseTimeout)
	_ = c.SetDeadline(end)
	turn := time.NewTimer(wait)
	defer turn.Stop()
	select {
	case <-turn.C:
	case <-l.ended:
	}
	b := make([]byte, refusedReadBuffer)
	head := readHead(c, b, end)
	if len(head) == 0 {
		return // the client has sent no request
	}
	if _, err := c.Write(l.tooMany(head)); err != nil {
		return
	}
	letRead(c, b)
}

// letRead gives the client of a connection that is to be closed time to read the answer:
// until it closes its side, or until the deadline. It reads into b what the client sends.
func letRead(c net.Conn, b []byte) {
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

// readHead reads the header of a request into b: up to its end, or as much as fits into b
// or comes in time. Reads after it may take until end.
func readHead(c net.Conn, b []byte, end time.Time) []byte {
	n, err := c.Read(b)
	if rest := time.Now().Add(refusedHeadTime); rest.Before(end) {
		_ = c.SetReadDeadline(rest)
		defer func() { _ = c.SetReadDeadline(end) }()
	}
	for err == nil && n < len(b) && !bytes.Contains(b[:n], []byte("\r\n\r\n")) {
		var more int
		more, err = c.Read(b[n:])
		n += more
	}
	return b[:n]
}

// tooMany returns the answer to a request, of which the beginning is given. Browsers want
// a preflight to succeed, else a page may not read why its request is refused. So that is
// allowed here, too.
func (l *Connections) tooMany(head []byte) []byte {
	status, rest, h := tooManyStatus, tooManyConnections, http.Header{}
	if r := requestOf(head); r != nil && l.limits.Origins.Invite(r.Header.Get("Origin")) && l.limits.Origins.answer(h, r) {
		status, rest = preflightStatus, preflightEnd
	}
	out := bytes.NewBufferString(status)
	_ = h.Write(out)
	out.WriteString(rest)
	return out.Bytes()
}

// requestOf returns the request that begins with head, with those lines of its header that
// are there as a whole. It returns nil if that is no request.
func requestOf(head []byte) *http.Request {
	whole := head[:bytes.LastIndexByte(head, '\n')+1]
	r, err := http.ReadRequest(bufio.NewReader(io.MultiReader(bytes.NewReader(whole), strings.NewReader("\r\n"))))
	if err != nil {
		return nil
	}
	return r
}
