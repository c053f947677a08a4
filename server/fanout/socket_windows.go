package fanout

import (
	"context"
	"iter"
	"net"
	"net/http"
	"time"
)

// ConnContext is an [http.Server]'s. Here it changes nothing: all streams go
// through net/http.
func ConnContext(ctx context.Context, _ net.Conn) context.Context { return ctx }

// takeSocket takes none.
func takeSocket(http.ResponseWriter, *http.Request, bool, time.Duration) (line, []byte, error) {
	return nil, nil, http.ErrNotSupported
}

// hangups finds none: relays tell by themselves.
type hangups struct{}

func (*hangups) add(*conn) error { return nil }
func (*hangups) remove(*conn)    {}
func (*hangups) close()          {}

func (*hangups) among([]*conn) iter.Seq2[*conn, error] { return func(func(*conn, error) bool) {} }
