package broker

import (
	"log/slog"
	"net"

	"github.com/twmb/franz-go/pkg/kerr"
)

// ProduceDoor is a door that belongs to no broker.
type ProduceDoor struct{ door produceDoor }

// NewProduceDoor returns a door.
func NewProduceDoor() *ProduceDoor { return &ProduceDoor{} }

// Check returns why a batch is refused under limits in ms.
func (d *ProduceDoor) Check(batch []byte, before, after, now int64) *kerr.Error {
	return d.door.check(batch, timeLimits{before: before, after: after}, now)
}

// Guard returns connections as kfake reads them, all of one broker.
func Guard() func(net.Conn) net.Conn {
	l := newGuardListener(nil, slog.New(slog.DiscardHandler))
	return func(c net.Conn) net.Conn { return newGuardConn(c, l) }
}
