// Package kafka is the only place that opens clients of segmentio/kafka-go. It
// turns them into what the stages are written against (package stream): readers
// of partitions, writers, claims of a consumer group, and the producer that
// writes each reaction once.
//
// A broker that is away is waited for. Every call tries again, with back-off,
// until it succeeds, its context ends, or trying cannot help (retry.go). The log
// says once that the broker is away and once that it is back (outage.go).
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
	// Names are what a person calls these settings; default: as they are called here.
	Names SettingNames
	// Logger receives that the cluster is away and back; default: nothing is logged.
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	if len(c.Brokers) == 0 {
		c.Brokers = []string{"localhost:9092"}
	}
	if c.ClientID == "" {
		c.ClientID = "emostream"
	}
	c.Names = c.Names.withDefaults()
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
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
	cfg = cfg.withDefaults()
	connector := connector{cfg.Security, cfg.Names}
	for _, b := range cfg.Brokers {
		if err := connector.checkAddress(b); err != nil {
			return nil, err
		}
	}
	login, err := connector.login()
	if err != nil {
		return nil, err
	}
	t := &transport{connector: connector, Transport: kafka.Transport{
		Dial:        connector.dial, // TLS included
		SASL:        login,
		ClientID:    cfg.ClientID,
		IdleTimeout: time.Minute,
		MetadataTTL: 2 * time.Second, // how long a leader that moved is not noticed, at most
	}}
	return &Client{
		cfg:       cfg,
		transport: t,
		// kafka-go tells brokers half of what a request's context leaves it, if
		// this timeout is longer; without one it tells them 500 ms, however slow
		// the replicas are.
		api:    kafka.Client{Addr: kafka.TCP(cfg.Brokers...), Transport: t, Timeout: 24 * time.Hour},
		outage: outage{log: cfg.Logger, brokers: strings.Join(cfg.Brokers, ",")},
	}, nil
}

// checkAddress refuses an address that is none, and one to which the login would
// send the password as it is.
func (c connector) checkAddress(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if n, wrong := strconv.Atoi(port); err != nil || wrong != nil || n < 1 || n > 65535 {
		return fmt.Errorf("%s: broker address %.60q: want host:port, several separated by commas", c.names.Brokers, addr)
	}
	if c.security.Mechanism == Plain && c.security.TLS == nil && !loopback(host) {
		return fmt.Errorf("%s plain would send the password unencrypted to %.60q: give %s, or use a scram mechanism", c.names.Mechanism, addr, c.names.TLS)
	}
	return nil
}

// transport is kafka-go's, with advice in its errors.
type transport struct {
	kafka.Transport
	connector connector
}

func (t *transport) RoundTrip(ctx context.Context, addr net.Addr, req kafka.Request) (kafka.Response, error) {
	res, err := t.Transport.RoundTrip(ctx, addr, req)
	if err != nil {
		return nil, t.connector.advise(err)
	}
	return res, nil
}

// Close closes idle connections. Calls under way may fail.
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
