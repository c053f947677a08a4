package loadgen

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// TLSProblem is why a target and a client do not agree on a TLS connection. It is the
// name under which a report counts requests that fail because of it.
type TLSProblem string

// The problems.
const (
	UnknownAuthority   TLSProblem = "unknown authority" // nobody who is trusted has signed the target's certificate
	CertificateExpired TLSProblem = "certificate expired"
	CertificateTooNew  TLSProblem = "certificate not valid yet"
	OtherName          TLSProblem = "certificate for another name"
	Untrusted          TLSProblem = "untrusted certificate" // for another reason
	NoCertificate      TLSProblem = "client certificate wanted"
	RefusedCertificate TLSProblem = "client certificate refused"
)

// TLSError says why there can be no TLS connection to a server. Nothing that was sent
// over it was read.
type TLSError struct {
	URL     string // base URL of the server
	Problem TLSProblem
	Err     error
}

func (e *TLSError) Error() string {
	said := strings.TrimPrefix(e.Err.Error(), "remote error: tls: ")
	leaf := e.certificate()
	switch {
	case e.Problem == UnknownAuthority:
		return fmt.Sprintf("%s shows a certificate that was signed by an authority which this machine does not know (%s)", e.URL, issuer(leaf))
	case e.Problem == CertificateExpired && leaf != nil:
		return fmt.Sprintf("the certificate of %s expired at %s", e.URL, leaf.NotAfter.UTC().Format(time.RFC3339))
	case e.Problem == CertificateTooNew && leaf != nil:
		return fmt.Sprintf("the certificate of %s is valid only from %s: is the clock of this machine right?", e.URL, leaf.NotBefore.UTC().Format(time.RFC3339))
	case e.Problem == OtherName:
		return fmt.Sprintf("the certificate of %s is for %s", e.URL, names(leaf))
	case e.Problem == NoCertificate:
		return fmt.Sprintf("%s wants a certificate of its clients (%s)", e.URL, said)
	case e.Problem == RefusedCertificate:
		return fmt.Sprintf("%s refuses the certificate of this client (%s)", e.URL, said)
	}
	return fmt.Sprintf("the certificate of %s is not to be trusted (%s)", e.URL, strings.TrimPrefix(said, "tls: failed to verify certificate: "))
}

func (e *TLSError) Unwrap() error { return e.Err }

// certificate returns the certificate that the server showed, or nil.
func (e *TLSError) certificate() *x509.Certificate {
	if failed, ok := errors.AsType[*tls.CertificateVerificationError](e.Err); ok && len(failed.UnverifiedCertificates) > 0 {
		return failed.UnverifiedCertificates[0]
	}
	return nil
}

// issuer returns who signed a certificate.
func issuer(c *x509.Certificate) string {
	switch {
	case c == nil:
		return "it names none"
	case c.Issuer.String() == c.Subject.String():
		return "itself"
	}
	return c.Issuer.String()
}

// names returns the names that a certificate is for, at most five of them.
func names(c *x509.Certificate) string {
	if c == nil {
		return "another name"
	}
	all := c.DNSNames
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		return "no name of a host"
	}
	return strings.Join(all[:min(len(all), 5)], ", ")
}

// disagreement returns a *TLSError if err, of a handshake or of a connection after it, says
// that there can be no TLS connection, and a *VersionError if it says that the server
// speaks the other version of HTTP; else it returns err.
func (e *endpoint) disagreement(err error) error {
	if errors.Is(err, errHTTP2) || isAlert(err, "no application protocol") {
		return e.otherVersion()
	}
	if problem := e.tlsProblem(err); problem != "" {
		return &TLSError{URL: e.base(), Problem: problem, Err: err}
	}
	return err
}

func (e *endpoint) tlsProblem(err error) TLSProblem {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return certificateProblem(err)
	}
	// Servers say many things to a client whose certificate they miss.
	refused := isAlert(err, "certificate required", "bad certificate", "handshake failure", "unsupported certificate", "revoked certificate",
		"expired certificate", "unknown certificate", "unknown certificate authority", "access denied")
	switch {
	case !refused || !e.tls.askedFor.Load():
		return ""
	case e.tls.shows:
		return RefusedCertificate
	}
	return NoCertificate
}

// isAlert returns whether err is one of these alerts of the server.
func isAlert(err error, alerts ...string) bool {
	remote, ok := errors.AsType[*net.OpError](err)
	return ok && remote.Op == "remote error" && slices.Contains(alerts, strings.TrimPrefix(remote.Err.Error(), "tls: "))
}

// certificateProblem returns what is wrong with the certificate that a server showed.
func certificateProblem(err error) TLSProblem {
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, other := errors.AsType[x509.HostnameError](err)
	invalid, isInvalid := errors.AsType[x509.CertificateInvalidError](err)
	switch {
	case unknown:
		return UnknownAuthority
	case other:
		return OtherName
	case isInvalid && invalid.Reason == x509.Expired && invalid.Cert.NotBefore.After(time.Now()):
		return CertificateTooNew
	case isInvalid && invalid.Reason == x509.Expired:
		return CertificateExpired
	}
	return Untrusted
}

// wantsCertificate returns whether an answer is that of a server which misses a
// certificate of its client, and says so by HTTP, as nginx does.
func wantsCertificate(status int, body []byte) bool {
	return status == http.StatusBadRequest && bytes.Contains(body, []byte("No required SSL certificate was sent"))
}
