// Package brokertest runs the embedded broker for tests of what speaks to Kafka.
package brokertest

import (
	"testing"

	"github.com/emostream/emostream/internal/broker"
	"github.com/emostream/emostream/internal/kafka"
)

// Open starts a broker that keeps its log in memory, and returns a client of it and
// its address. Both end with the test.
func Open(tb testing.TB) (c *kafka.Client, address string) {
	tb.Helper()
	b, err := broker.Open(broker.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = b.Close() })
	c, err = kafka.Open(kafka.Config{Brokers: []string{b.Addr()}})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	return c, b.Addr()
}
