package loadgen

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// insecure returns whether the target's certificates are not checked.
func (c Config) insecure() bool { return c.TLS != nil && c.TLS.InsecureSkipVerify }

// httpVersion returns the version of HTTP that is spoken.
func (c Config) httpVersion() string {
	if c.HTTP2 {
		return "2"
	}
	return "1.1"
}

// tlsClient makes TLS connections to one endpoint.
type tlsClient struct {
	config *tls.Config
	// askedFor says that the server has asked for a certificate of its client, which it
	// may do without needing one. It learns so, and refuses, only after the client's
	// part of the handshake.
	askedFor atomic.Bool
	shows    bool // a certificate, when asked for one
}

// tlsFor returns how TLS connections to e are made.
func (how reach) tlsFor(e *endpoint) *tlsClient {
	c := &tlsClient{config: &tls.Config{MinVersion: tls.VersionTLS12}}
	if how.tls != nil {
		c.config = how.tls.Clone()
	}
	c.config.ServerName = e.url.Hostname()
	c.config.NextProtos = []string{"http/1.1"}
	if how.http2 {
		c.config.NextProtos = []string{"h2"}
	}
	shown := new(tls.Certificate) // none
	if len(c.config.Certificates) > 0 {
		shown, c.shows = &c.config.Certificates[0], true
	}
	c.config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		c.askedFor.Store(true)
		return shown, nil // also if its authority is none of those that the server names: the server says so better
	}
	return c
}

// handshake makes a TLS connection of conn, or closes it.
func (e *endpoint) handshake(ctx context.Context, conn net.Conn) (net.Conn, error) {
	secure := tls.Client(conn, e.tls.config)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(e.disagreement(err), conn.Close())
	}
	if spoken := secure.ConnectionState().NegotiatedProtocol; e.http2 != nil && spoken != "h2" {
		return nil, errors.Join(e.otherVersion(), conn.Close())
	}
	return secure, nil
}

// refusalWait is how long a connection waits for the server to refuse the client's
// certificate.
const refusalWait = 500 * time.Millisecond

// awaitRefusal waits until a server that has asked for a certificate has had time to
// refuse it, and returns why it did. A request that is sent meanwhile would be answered
// by the end of the connection alone.
func (e *endpoint) awaitRefusal(conn net.Conn) error {
	if !e.tls.askedFor.Load() {
		return nil
	}
	if err := conn.SetReadDeadline(time.Now().Add(refusalWait)); err != nil {
		return err
	}
	_, err := conn.Read(make([]byte, 1))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return e.disagreement(err)
}

// speaksOnlyHTTP2 returns whether a server that did not agree on HTTP/1.1 over conn
// agrees on HTTP/2. Some take any client that asks for HTTP/1.1, and close the connection
// when it speaks.
func (e *endpoint) speaksOnlyHTTP2(ctx context.Context, conn net.Conn) bool {
	secure, ok := conn.(*tls.Conn)
	if !ok || secure.ConnectionState().NegotiatedProtocol != "" {
		return false
	}
	other := *e
	other.tls = &tlsClient{config: e.tls.config.Clone()}
	other.tls.config.NextProtos = []string{"h2"}
	conn, err := other.dial(ctx)
	if err != nil {
		return false
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().NegotiatedProtocol == "h2" //nolint:forcetypeassert // dial makes one for https
}
