package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
)

// handshakeError says that there is no TLS with a broker.
type handshakeError struct {
	addr string
	err  error
}

func (e *handshakeError) Error() string {
	hint := ""
	if isClosed(e.err) || errors.Is(e.err, context.DeadlineExceeded) || is[tls.RecordHeaderError](e.err) {
		hint = " (is it a listener without TLS? then leave out --tls, or use the port of the one that has it)"
	}
	return fmt.Sprintf("TLS with %s: %v%s", e.addr, e.err, hint)
}

func (e *handshakeError) Unwrap() error { return e.err }

// A record of TLS that tells of an alert begins so; an answer that does would be
// hundreds of megabytes long.
const alert, tlsMajor = 0x15, 0x03

var errWantsTLS = errors.New("the broker wants TLS on this port: give --tls, or use the port of a listener without")

// untrusted says whether an error is about who one of the two ends is: waiting does
// not mend it. What the broker has against a login is a kafka.Error, none of which
// is temporary.
func identityFailed(err error) bool {
	return is[*tls.CertificateVerificationError](err) || is[tls.RecordHeaderError](err) || errors.Is(err, errWantsTLS) || tlsAlerted(err)
}

// alerted says whether a broker ended TLS with an alert.
func tlsAlerted(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error"
}
