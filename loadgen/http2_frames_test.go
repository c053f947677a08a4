package loadgen_test

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"
)

// The types of frames of HTTP/2 (RFC 9113, section 6), and a flag.
const (
	dataFrame      = 0
	headersFrame   = 1
	resetFrame     = 3
	settingsFrame  = 4
	goAwayFrame    = 7
	endStream      = 1
	acknowledges   = 1
	endHeaders     = 4
	refusedStream  = 7 // an error code
	internalError  = 2
	frameHeaderLen = 9
)

// http2Peer is the server's side of an HTTP/2 connection, frame by frame.
type http2Peer struct {
	net.Conn
	last uint32 // the stream of the last request
}

func (p *http2Peer) frame(kind, flags byte, stream uint32, payload []byte) {
	head := make([]byte, frameHeaderLen, frameHeaderLen+len(payload))
	head[0], head[1], head[2], head[3], head[4] = byte(len(payload)>>16), byte(len(payload)>>8), byte(len(payload)), kind, flags
	binary.BigEndian.PutUint32(head[5:], stream)
	_, _ = p.Write(append(head, payload...)) // if it fails, so does what follows
}

// codes returns a payload of numbers.
func codes(numbers ...uint32) []byte {
	var b []byte
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return b
}

// begin greets the client.
func (p *http2Peer) begin() bool {
	_, err := io.ReadFull(p, make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")))
	p.frame(settingsFrame, 0, 0, nil)
	return err == nil
}

// next reads the next whole request. It returns false if the connection ended.
func (p *http2Peer) next() bool {
	for {
		head := make([]byte, frameHeaderLen)
		if _, err := io.ReadFull(p, head); err != nil {
			return false
		}
		payload := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
		if _, err := io.ReadFull(p, payload); err != nil {
			return false
		}
		switch kind, flags := head[3], head[4]; {
		case kind == settingsFrame && flags&acknowledges == 0:
			p.frame(settingsFrame, acknowledges, 0, nil)
		case (kind == headersFrame || kind == dataFrame) && flags&endStream != 0:
			p.last = binary.BigEndian.Uint32(head[5:])
			return true
		}
	}
}

// accept answers the last request with 200.
func (p *http2Peer) accept() {
	const status200 = 0x88 // in HPACK's static table
	p.frame(headersFrame, endStream|endHeaders, p.last, []byte{status200})
}

// goAway says that nothing after a stream was processed.
func (p *http2Peer) goAway(last, code uint32) { p.frame(goAwayFrame, 0, 0, codes(last, code)) }

// serveHTTP2 starts a server that speaks HTTP/2 alone, without TLS. It calls serve for
// each connection, which ends when serve returns.
func serveHTTP2(t *testing.T, serve func(*http2Peer)) string {
	t.Helper()
	return serveConnections(t, asHTTP2(serve))
}

// asHTTP2 returns what serves a connection by HTTP/2. What the client still sends while
// the connection ends is read, because a connection that ends before might be reset, and
// the client might miss what it was told last.
func asHTTP2(serve func(*http2Peer)) func(net.Conn) {
	return func(conn net.Conn) {
		p := &http2Peer{Conn: conn}
		if !p.begin() {
			return
		}
		serve(p)
		if tcp, ok := conn.(*net.TCPConn); ok && tcp.CloseWrite() == nil && tcp.SetReadDeadline(time.Time{}) == nil {
			_, _ = io.Copy(io.Discard, tcp) // an error is an end, too
		}
	}
}
