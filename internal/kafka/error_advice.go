package kafka

import (
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"
)

// advise adds to an error of a connection what to do about it.
func (s Security) advise(err error) error {
	switch {
	case err == nil:
		return nil
	case tlsAlerted(err):
		return fmt.Errorf("%w (the broker says so of this client's certificate, or that there is none: --tls-cert)", err)
	case errors.Is(err, errCleartext):
		return err
	case errors.Is(err, kafka.SASLAuthenticationFailed):
		return fmt.Errorf("%w (user %q, %s: check the name, the password and the mechanism)", err, s.User, s.Mechanism)
	case errors.Is(err, kafka.UnsupportedSASLMechanism):
		return fmt.Errorf("%w (the brokers do not offer %s here: --sasl-mechanism names another one)", err, s.Mechanism)
	case errors.Is(err, kafka.IllegalSASLState):
		return fmt.Errorf("%w (nobody logs in on this listener: leave out --sasl-mechanism, or use the port of the one that wants it)", err)
	case is[*tls.CertificateVerificationError](err):
		return fmt.Errorf("%w (--tls-ca names the file of the authority that signed it, --tls-server-name the name that it is made out to)", err)
	}
	return err
}

// needs adds to an answer that something is not allowed what would have to be.
func adviseACL(err error, operation, resource string) error {
	if errors.Is(err, kafka.TopicAuthorizationFailed) || errors.Is(err, kafka.GroupAuthorizationFailed) || errors.Is(err, kafka.ClusterAuthorizationFailed) {
		return fmt.Errorf("%w (the user needs an ACL that allows %s on %s)", err, operation, resource)
	}
	return err
}

// guess says what may have been missing when a connection was closed.
func (c *connection) likelyCause() string {
	switch {
	case c.answered.Load() == 0 && c.security.TLS == nil:
		return " without an answer: a listener that wants TLS does that (--tls)"
	case c.answered.Load() == 0 && c.security.TLS != nil && c.security.TLS.GetClientCertificate == nil:
		return " without an answer: a listener that wants a client's certificate does that (--tls-cert)"
	case c.answered.Load() == 1 && c.requests.Load() == 2 && c.security.Mechanism == "":
		return ": a listener on which clients log in does that (--sasl-mechanism)"
	}
	return ""
}
