// Package kafka is the only place that opens clients of segmentio/kafka-go. It
// turns them into what the stages are written against (package stream): readers
// of partitions, writers, claims of a consumer group, and the producer that
// writes each reaction once.
//
// A broker that is away is waited for. Every call tries again, with back-off,
// until it succeeds, its context ends, or trying cannot help; the log says once
// that the broker is away and once that it is back.
package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/emostream/emostream/internal/wire"
)

// Config says which Kafka to speak to.
type Config struct {
	// Brokers are host:port addresses to find the cluster by.
	// Default localhost:9092.
	Brokers []string
	// ClientID names this process to the brokers; default "emostream".
	ClientID string
	// Security of the connections; default: none.
	Security Security
	// Logger is told when the cluster is away and back; default: nobody is.
	Logger *slog.Logger
}

// Client is a connection to one Kafka cluster, safe for concurrent use.
type Client struct {
	cfg       Config
	api       kafka.Client
	transport *transport
	outage    outage
}

// requestTimeout bounds a single request that need not wait for anything.
const requestTimeout = 10 * time.Second

// Open returns a client. It does not connect yet, so it cannot fail for a
// broker that is away; it fails for addresses and logins that cannot be right.
func Open(cfg Config) (*Client, error) {
	if len(cfg.Brokers) == 0 {
		cfg.Brokers = []string{"localhost:9092"}
	}
	for _, b := range cfg.Brokers {
		host, port, err := net.SplitHostPort(b)
		if n, wrong := strconv.Atoi(port); err != nil || wrong != nil || n < 1 || n > 65535 {
			return nil, fmt.Errorf("--brokers: broker address %.60q: want host:port, several separated by commas", b)
		}
		if cfg.Security.Mechanism == Plain && cfg.Security.TLS == nil && !loopback(host) {
			return nil, fmt.Errorf("--sasl-mechanism plain would send the password unencrypted to %.60q: give --tls, or use a scram mechanism", b)
		}
	}
	if cfg.ClientID == "" {
		cfg.ClientID = "emostream"
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	login, err := cfg.Security.login()
	if err != nil {
		return nil, err
	}
	t := &transport{security: cfg.Security, Transport: kafka.Transport{
		Dial:        cfg.Security.dial, // TLS included
		SASL:        login,
		ClientID:    cfg.ClientID,
		IdleTimeout: time.Minute,
		MetadataTTL: 2 * time.Second, // how long a leader that moved is not noticed, at most
	}}
	return &Client{
		cfg:       cfg,
		transport: t,
		// With a timeout, requests tell the broker half of what their context
		// leaves them; without, 500 ms, however slow the replicas are.
		api:    kafka.Client{Addr: kafka.TCP(cfg.Brokers...), Transport: t, Timeout: 24 * time.Hour},
		outage: outage{log: cfg.Logger, brokers: strings.Join(cfg.Brokers, ",")},
	}, nil
}

// transport is kafka-go's, with advice in its errors.
type transport struct {
	kafka.Transport
	security Security
}

func (t *transport) RoundTrip(ctx context.Context, addr net.Addr, req kafka.Request) (kafka.Response, error) {
	res, err := t.Transport.RoundTrip(ctx, addr, req)
	if err != nil {
		return nil, t.security.advise(err)
	}
	return res, nil
}

// Close lets the connections go. Calls under way may fail.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Ping asks the cluster for its id, once.
func (c *Client) Ping(ctx context.Context) (clusterID string, err error) {
	s, err := c.Cluster(ctx)
	return s.ID, err
}

// Embedded waits for the cluster and says whether it is the embedded broker.
func (c *Client) Embedded(ctx context.Context) (bool, error) {
	var id string
	err := c.retry(ctx, func(ctx context.Context) (err error) {
		id, err = c.Ping(ctx)
		return err
	})
	return id == wire.EmbeddedClusterID, err
}
