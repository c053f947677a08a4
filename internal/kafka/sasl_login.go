package kafka

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	saslplain "github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// Security says how connections to brokers are secured, and which user logs in. With
// the zero value there is neither TLS nor a login.
type Security struct {
	// TLS is used for every connection; nil: no TLS. A broker's certificate must name
	// the host that is connected to, or TLS.ServerName if that is set.
	TLS *tls.Config
	// Mechanism of SASL to log in by; empty: no login.
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

// login returns the SASL mechanism with which kafka-go logs in; nil: there is no login.
func (c connector) login() (sasl.Mechanism, error) {
	s := c.security
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
			return nil, fmt.Errorf("%s: the user or the password holds a zero byte, which plain cannot send", c.names.User)
		}
		return plainLogin{saslplain.Mechanism{Username: s.User, Password: s.Password}, s.TLS != nil}, nil
	case ScramSHA256:
		algorithm = scram.SHA256
	case ScramSHA512:
		algorithm = scram.SHA512
	default:
		return nil, fmt.Errorf("no such mechanism: %.20q", s.Mechanism)
	}
	m, err := scram.Mechanism(algorithm, s.User, s.Password)
	if err != nil { // the library's error holds the password
		return nil, fmt.Errorf("%s: the user or the password holds characters that scram does not allow (SASLprep)", c.names.User)
	}
	return scramLogin{m}, nil
}

// plainLogin is the mechanism plain, which sends the password unencrypted. Without TLS
// it logs in on this machine only, whatever addresses the brokers advertise.
type plainLogin struct {
	saslplain.Mechanism
	encrypted bool
}

func (l plainLogin) Start(ctx context.Context) (sasl.StateMachine, []byte, error) {
	if to := sasl.MetadataFromContext(ctx); !l.encrypted && (to == nil || !loopback(to.Host)) {
		return nil, nil, errCleartext
	}
	return l.Mechanism.Start(ctx)
}

// errCleartext wraps kafka.SASLAuthenticationFailed, so that the login is not tried
// again.
var errCleartext = fmt.Errorf("%w: plain would send the password unencrypted to another machine: use TLS, or a scram mechanism", kafka.SASLAuthenticationFailed)

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// scramLogin is a scram mechanism. In scram the client also checks that the broker
// knows the password. If that check fails, scramLogin returns the same error as when
// the broker refuses the login, so that the login is not tried again.
type scramLogin struct{ sasl.Mechanism }

func (l scramLogin) Start(ctx context.Context) (sasl.StateMachine, []byte, error) {
	session, first, err := l.Mechanism.Start(ctx)
	return scramSession{session}, first, err
}

type scramSession struct{ sasl.StateMachine }

func (s scramSession) Next(ctx context.Context, challenge []byte) (bool, []byte, error) {
	done, response, err := s.StateMachine.Next(ctx, challenge)
	if err != nil {
		err = fmt.Errorf("%w: %w", kafka.SASLAuthenticationFailed, err)
	}
	return done, response, err
}
