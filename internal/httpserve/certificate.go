package httpserve

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// certificateInterval is how often a certificate is read again at most.
const certificateInterval = 10 * time.Second

// Certificate is what a server shows to clients over HTTPS. It is read again when a
// client connects or its state is asked for, ten seconds after the last time, so that a
// renewed one is used without a restart. It is safe for concurrent use.
//
// What cannot be used is not taken: the server goes on with what it has. The first time
// that is not logged, since somebody may be writing the two files just now.
type Certificate struct {
	read func() (*tls.Certificate, error)
	log  *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	due     time.Time // when it is read again
	reading bool      // somebody is reading it
	wrong   error     // why what was read last is not used; nil: it is
	warned  bool      // of wrong
}

// OpenCertificate returns the certificate that read returns, which must not be nil without
// an error. It fails if read does.
func OpenCertificate(read func() (*tls.Certificate, error), log *slog.Logger) (*Certificate, error) {
	pair, err := read()
	if err != nil {
		return nil, err
	}
	c := &Certificate{read: read, log: log, current: pair, due: time.Now().Add(certificateInterval)}
	if err := outOfTime(pair.Leaf, time.Now()); err != nil {
		log.Warn("clients do not trust the certificate for https", "reason", err)
	}
	return c, nil
}

// TLSConfig returns the configuration of a server that shows the certificate, and speaks
// HTTP/2 and HTTP/1.1.
func (c *Certificate) TLSConfig() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.renewed(), nil },
	}
}

// Leaf returns the certificate that is shown.
func (c *Certificate) Leaf() *x509.Certificate { return c.renewed().Leaf }

// Err returns why what was read last is not used, nil if it is.
func (c *Certificate) Err() error {
	c.renewed()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wrong
}

// renewed returns the certificate, read again if that is due. While one caller reads it, which
// takes long where the files are far away, the others get the one that is there.
func (c *Certificate) renewed() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reading || time.Now().Before(c.due) {
		return c.current
	}
	c.reading = true
	c.mu.Unlock()
	pair, err := c.read()
	c.mu.Lock()
	now := time.Now()
	c.reading, c.due = false, now.Add(certificateInterval)
	if err == nil && outOfTime(c.current.Leaf, now) == nil {
		err = outOfTime(pair.Leaf, now)
	}
	if err != nil {
		c.refuse(err)
		return c.current
	}
	if !bytes.Equal(pair.Leaf.Raw, c.current.Leaf.Raw) {
		c.log.Info("the certificate for https was renewed", "expires", pair.Leaf.NotAfter)
	}
	c.current, c.wrong, c.warned = pair, nil, false
	return pair
}

// refuse notes why what was read is not used.
func (c *Certificate) refuse(err error) {
	again := c.wrong != nil && c.wrong.Error() == err.Error()
	if again && !c.warned {
		c.log.Warn("the files for https cannot be used: the certificate read before is shown on", "error", err, "expires", c.current.Leaf.NotAfter)
	}
	c.wrong, c.warned = err, again
}

// outOfTime returns an error if a certificate is not valid at a time.
func outOfTime(leaf *x509.Certificate, now time.Time) error {
	switch {
	case now.After(leaf.NotAfter):
		return fmt.Errorf("it expired at %s: renew it", leaf.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(leaf.NotBefore):
		return fmt.Errorf("it is valid from %s on: set the clock, or wait", leaf.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}
