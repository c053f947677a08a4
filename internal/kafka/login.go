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
		return nil, errors.New("--sasl-user: the user or the password holds characters that scram does not allow (SASLprep)")
	}
	return scramLogin{m}, nil
}

// cleartext is the mechanism plain, which sends the password as it is: without TLS
// to this machine alone, whatever address a broker tells.
type plainLogin struct {
	saslplain.Mechanism
	encrypted bool
}

func (c plainLogin) Start(ctx context.Context) (sasl.StateMachine, []byte, error) {
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
type scramLogin struct{ sasl.Mechanism }

func (d scramLogin) Start(ctx context.Context) (sasl.StateMachine, []byte, error) {
	session, first, err := d.Mechanism.Start(ctx)
	return scramSession{session}, first, err
}

type scramSession struct{ sasl.StateMachine }

func (d scramSession) Next(ctx context.Context, challenge []byte) (bool, []byte, error) {
	done, response, err := d.StateMachine.Next(ctx, challenge)
	if err != nil {
		err = fmt.Errorf("%w: %w", kafka.SASLAuthenticationFailed, err)
	}
	return done, response, err
}
