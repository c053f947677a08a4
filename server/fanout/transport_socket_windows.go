package fanout

import (
	"context"
	"iter"
	"net"
	"net/http"
	"time"
)

// ConnContext is for [http.Server]. Here it changes nothing: all streams go through
// net/http.
func ConnContext(ctx context.Context, _ net.Conn) context.Context { return ctx }

// boundSocket does nothing: here the system's own bounds hold.
func boundSocket(*http.Request, time.Duration) {}

// takeSocket always returns an error: no socket is taken from net/http here.
func takeSocket(http.ResponseWriter, *http.Request, bool, time.Duration) (transport, []byte, error) {
	return nil, nil, http.ErrNotSupported
}

// disconnects finds none: a listener on net/http reports by itself that its client has
// left.
type disconnects struct{}

func (*disconnects) add(*listener) error { return nil }
func (*disconnects) remove(*listener)    {}
func (*disconnects) close()              {}

func (*disconnects) among([]*listener) iter.Seq2[*listener, error] {
	return func(func(*listener, error) bool) {}
}
