package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
)

// handshakeError says that the TLS handshake with a broker failed.
type handshakeError struct {
	addr  string
	err   error
	names SettingNames
}

func (e *handshakeError) Error() string {
	hint := ""
	if isClosed(e.err) || errors.Is(e.err, context.DeadlineExceeded) || is[tls.RecordHeaderError](e.err) {
		hint = fmt.Sprintf(" (is it a listener without TLS? then leave out %s, or use the port of the one that has it)", e.names.TLS)
	}
	return fmt.Sprintf("TLS with %s: %v%s", e.addr, e.err, hint)
}

func (e *handshakeError) Unwrap() error { return e.err }

// wantsTLSError says that a request was sent without encryption and the broker answered
// with a TLS alert.
type wantsTLSError struct{ names SettingNames }

func (e *wantsTLSError) Error() string {
	return fmt.Sprintf("the broker wants TLS on this port: give %s, or use the port of a listener without", e.names.TLS)
}

// beginsTLSAlert returns whether bytes begin with a TLS alert. An answer of Kafka that
// begins with these bytes would be hundreds of megabytes long.
func beginsTLSAlert(b []byte) bool {
	const alert, majorVersion = 0x15, 0x03
	return len(b) > 1 && b[0] == alert && b[1] == majorVersion
}

// identityFailed returns whether TLS failed because one end does not accept the other,
// or because only one of them uses TLS. Waiting does not mend that. (A refused login is
// a kafka.Error instead, and not a temporary one.)
func identityFailed(err error) bool {
	return is[*tls.CertificateVerificationError](err) || is[tls.RecordHeaderError](err) || is[*wantsTLSError](err) || endedByAlert(err)
}

// endedByAlert returns whether a broker ended TLS with an alert.
func endedByAlert(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error"
}
