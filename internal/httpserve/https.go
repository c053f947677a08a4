package httpserve

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
)

// HTTPS returns a net.Listener whose connections speak TLS. A server with it has the same
// configuration as its TLSConfig, so that net/http speaks HTTP/2, too. LimitConnections
// belongs around it. Handshakes are made when a connection is served, within
// ReadHeaderTimeout.
func HTTPS(ln net.Listener, config *tls.Config) net.Listener { return &httpsListener{ln, config} }

type httpsListener struct {
	net.Listener
	config *tls.Config
}

func (l *httpsListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return tls.Server(&tlsOnly{Conn: c}, l.config), nil
}

// tlsOnly is the connection below one of TLS. A client that speaks HTTP without TLS is
// told so in its own language: 400, code https_required.
type tlsOnly struct {
	net.Conn
	begun bool // something was read
}

// SyscallConn returns the connection's own.
func (c *tlsOnly) SyscallConn() (syscall.RawConn, error) {
	if of, ok := c.Conn.(syscall.Conn); ok {
		return of.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// Read reads for TLS. It is never called by two at once.
func (c *tlsOnly) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n == 0 || c.begun {
		return n, err
	}
	c.begun = true
	if first := b[0]; first < 'A' || first > 'Z' { // a method has capital letters, and TLS begins with 0x16
		return n, err
	}
	c.refuse(b[:n])
	return 0, io.EOF
}

// refuse answers to the beginning of a request without TLS.
func (c *tlsOnly) refuse(begin []byte) {
	end := time.Now().Add(refuseTimeout)
	_ = c.SetDeadline(end)
	buf := make([]byte, refusedReadBuffer)
	head := readHead(&prefixed{c.Conn, begin}, buf, end)
	use := "https://"
	if r := requestOf(head); r != nil && r.Host != "" {
		use += fmt.Sprintf("%.64s", r.Host)
	}
	body, err := json.Marshal(struct {
		Error string `json:"error"`
		Code  string `json:"code"`
	}{"an HTTP request was sent to an HTTPS server: use " + use, "https_required"})
	if err == nil {
		_, err = fmt.Fprintf(c.Conn, "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s\n", len(body)+1, body)
	}
	if err == nil {
		letRead(c.Conn, buf)
	}
}

// prefixed is a connection of which something was read before.
type prefixed struct {
	net.Conn
	before []byte
}

func (c *prefixed) Read(b []byte) (int, error) {
	if len(c.before) == 0 {
		return c.Conn.Read(b)
	}
	n := copy(b, c.before)
	c.before = c.before[n:]
	return n, nil
}

// closeAtOnce closes a connection without waiting. To close one of TLS in the usual way
// takes up to 5 s if its client does not read.
func closeAtOnce(c net.Conn) {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	_ = c.Close()
}
