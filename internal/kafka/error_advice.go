package kafka

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"
)

// SettingNames are the names of a Config's settings where a person sets them, such as
// the flags of a command. Errors that advise to change a setting use them.
type SettingNames struct {
	Brokers    string // default "Brokers"
	TLS        string // default "TLS"
	CA         string // the authorities that TLS trusts; default "TLS.RootCAs"
	ClientCert string // default "TLS.Certificates"
	ServerName string // default "TLS.ServerName"
	Mechanism  string // default "Mechanism"
	User       string // default "User"
}

func (n SettingNames) withDefaults() SettingNames {
	return SettingNames{
		Brokers:    cmp.Or(n.Brokers, "Brokers"),
		TLS:        cmp.Or(n.TLS, "TLS"),
		CA:         cmp.Or(n.CA, "TLS.RootCAs"),
		ClientCert: cmp.Or(n.ClientCert, "TLS.Certificates"),
		ServerName: cmp.Or(n.ServerName, "TLS.ServerName"),
		Mechanism:  cmp.Or(n.Mechanism, "Mechanism"),
		User:       cmp.Or(n.User, "User"),
	}
}

// advise adds to an error of a connection what can be done about it.
func (c connector) advise(err error) error {
	n := c.names
	switch {
	case err == nil:
		return nil
	case endedByAlert(err):
		return fmt.Errorf("%w (the broker says so of this client's certificate, or that there is none: %s)", err, n.ClientCert)
	case errors.Is(err, errCleartext):
		return err
	case errors.Is(err, kafka.SASLAuthenticationFailed):
		return fmt.Errorf("%w (user %q, %s: check the name, the password and the mechanism)", err, c.security.User, c.security.Mechanism)
	case errors.Is(err, kafka.UnsupportedSASLMechanism):
		return fmt.Errorf("%w (the brokers do not offer %s here: %s names another one)", err, c.security.Mechanism, n.Mechanism)
	case errors.Is(err, kafka.IllegalSASLState):
		return fmt.Errorf("%w (nobody logs in on this listener: leave out %s, or use the port of the one that wants it)", err, n.Mechanism)
	case is[*tls.CertificateVerificationError](err):
		return fmt.Errorf("%w (%s names the file of the authority that signed it, %s the name that it is made out to)", err, n.CA, n.ServerName)
	}
	return err
}

// adviseACL adds to an error of a broker that something is not allowed which ACL would
// allow it.
func adviseACL(err error, operation, resource string) error {
	if errors.Is(err, kafka.TopicAuthorizationFailed) || errors.Is(err, kafka.GroupAuthorizationFailed) || errors.Is(err, kafka.ClusterAuthorizationFailed) {
		return fmt.Errorf("%w (the user needs an ACL that allows %s on %s)", err, operation, resource)
	}
	return err
}

// likelyCause returns why the broker has probably closed the connection, judged by how
// many requests it answered before. The result completes a sentence; it may be empty.
func (c *connection) likelyCause() string {
	s, n := c.connector.security, c.connector.names
	requests, answered := c.requests.Load(), c.answered.Load()
	switch {
	case answered == 0 && s.TLS == nil:
		return fmt.Sprintf(" without an answer: a listener that wants TLS does that (%s)", n.TLS)
	case answered == 0 && s.TLS.GetClientCertificate == nil:
		return fmt.Sprintf(" without an answer: a listener that wants a client's certificate does that (%s)", n.ClientCert)
	case answered == 1 && requests == 2 && s.Mechanism == "":
		return fmt.Sprintf(": a listener on which clients log in does that (%s)", n.Mechanism)
	}
	return ""
}
