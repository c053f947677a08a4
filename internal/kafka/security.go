package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	saslplain "github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// Security says how connections to brokers are secured, and as whom they log in.
// The zero value: not at all, as nobody.
type Security struct {
	// TLS is used for every connection; nil: none. A broker must prove that it has
	// the name under which it is connected to, unless ServerName says another one.
	TLS *tls.Config
	// Mechanism of SASL to log in by; empty: not at all.
	Mechanism Mechanism
	User      string
	Password  string
}

// Mechanism is a way to log in by SASL.
type Mechanism string

// The mechanisms, by their names on the command line.
const (
	Plain       Mechanism = "plain"
	ScramSHA256 Mechanism = "scram-sha-256"
	ScramSHA512 Mechanism = "scram-sha-512"
)

// login returns what kafka-go logs in by; nil: it does not.
func (s Security) login() (sasl.Mechanism, error) {
	if s.Mechanism == "" {
		return nil, nil
	}
	if s.User == "" || s.Password == "" {
		return nil, fmt.Errorf("%s wants a user and a password", s.Mechanism)
	}
	var algorithm scram.Algorithm
	switch s.Mechanism {
	case Plain:
		if strings.Contains(s.User+s.Password, "\x00") {
			return nil, errors.New("--sasl-user: the user or the password holds a zero byte, which plain cannot send")
		}
		return cleartext{saslplain.Mechanism{Username: s.User, Password: s.Password}, s.TLS != nil}, nil
	case ScramSHA256:
		algorithm = scram.SHA256
	case ScramSHA512:
		algorithm = scram.SHA512
	default:
		return nil, fmt.Errorf("no such mechanism: %.20q", s.Mechanism)
	}
	m, err := scram.Mechanism(algorithm, s.User, s.Password)
	if err != nil { // the library's error holds the password
		return nil, errors.New("--sasl-user: the user or the password holds characters that scram does not allow (SASLprep)")
	}
	return doubting{m}, nil
}

// cleartext is the mechanism plain, which sends the password as it is: without TLS
// to this machine alone, whatever address a broker tells.
type cleartext struct {
	saslplain.Mechanism
	encrypted bool
}

func (c cleartext) Start(ctx context.Context) (sasl.StateMachine, []byte, error) {
	if to := sasl.MetadataFromContext(ctx); !c.encrypted && (to == nil || !loopback(to.Host)) {
		return nil, nil, errCleartext
	}
	return c.Mechanism.Start(ctx)
}

// errCleartext is permanent: kafka.SASLAuthenticationFailed is.
var errCleartext = fmt.Errorf("%w: plain would send the password unencrypted to another machine: use TLS, or a scram mechanism", kafka.SASLAuthenticationFailed)

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// doubting is a scram mechanism whose own doubts, as of a broker that does not know
// the password either, end the attempt as the broker's do.
type doubting struct{ sasl.Mechanism }

func (d doubting) Start(ctx context.Context) (sasl.StateMachine, []byte, error) {
	session, first, err := d.Mechanism.Start(ctx)
	return doubtingSession{session}, first, err
}

type doubtingSession struct{ sasl.StateMachine }

func (d doubtingSession) Next(ctx context.Context, challenge []byte) (bool, []byte, error) {
	done, response, err := d.StateMachine.Next(ctx, challenge)
	if err != nil {
		err = fmt.Errorf("%w: %w", kafka.SASLAuthenticationFailed, err)
	}
	return done, response, err
}

// untrusted says whether an error is about who one of the two ends is: waiting does
// not mend it. What the broker has against a login is a kafka.Error, none of which
// is temporary.
func untrusted(err error) bool {
	return is[*tls.CertificateVerificationError](err) || is[tls.RecordHeaderError](err) || errors.Is(err, errWantsTLS) || alerted(err)
}

// alerted says whether a broker ended TLS with an alert.
func alerted(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error"
}

// loginFailed says whether the broker did not let us log in. Nothing was sent then.
func loginFailed(err error) bool {
	return errors.Is(err, kafka.SASLAuthenticationFailed) || errors.Is(err, kafka.UnsupportedSASLMechanism) || errors.Is(err, kafka.IllegalSASLState)
}

// advise adds to an error of a connection what to do about it.
func (s Security) advise(err error) error {
	switch {
	case err == nil:
		return nil
	case alerted(err):
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
func needs(err error, operation, resource string) error {
	if errors.Is(err, kafka.TopicAuthorizationFailed) || errors.Is(err, kafka.GroupAuthorizationFailed) || errors.Is(err, kafka.ClusterAuthorizationFailed) {
		return fmt.Errorf("%w (the user needs an ACL that allows %s on %s)", err, operation, resource)
	}
	return err
}
