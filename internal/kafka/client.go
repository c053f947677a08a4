// Package kafka is the only place that opens clients of segmentio/kafka-go. It turns
// them into what the stages are written against (package stream): readers of
// partitions, writers, claims of a consumer group, and the producer that writes each
// reaction once.
//
// If a broker cannot be reached, every call tries again, with back-off, until it
// succeeds, its context ends, or trying again cannot help (retry.go). The log says once
// that the broker is away and once that it is back (outage.go).
package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

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
	// Names are the names of these settings for people, as errors use them; default:
	// the names of the fields.
	Names SettingNames
	// Logger receives a message when the cluster is away, and when it is back; default:
	// nothing is logged.
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
	versions  struct { // see maxVersions
		mu  sync.Mutex
		max map[protocol.ApiKey]int // nil: not asked yet
	}
}

// requestTimeout bounds a single request that need not wait for anything.
const requestTimeout = 10 * time.Second

// Open returns a client. It does not connect yet, so it does not fail if no broker can
// be reached. It fails if an address or the login is malformed.
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
		MetadataTTL: 2 * time.Second, // at most so long it is not noticed that a leader has moved
	}}
	return &Client{
		cfg:       cfg,
		transport: t,
		// kafka-go tells brokers to answer within half of the time that a request's
		// context leaves, if this timeout is longer. Without this timeout it tells them
		// 500 ms, however slow the replicas are.
		api:    kafka.Client{Addr: kafka.TCP(cfg.Brokers...), Transport: t, Timeout: 24 * time.Hour},
		outage: outage{log: cfg.Logger, brokers: strings.Join(cfg.Brokers, ",")},
	}, nil
}

// checkAddress returns an error if addr is not host:port, or if the login would send
// the password unencrypted to another machine.
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

// transport is kafka-go's Transport. It adds advice to the errors.
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

// Embedded waits until the cluster answers, and returns whether it is the embedded
// broker.
func (c *Client) Embedded(ctx context.Context) (bool, error) {
	var id string
	err := c.retry(ctx, func(ctx context.Context) (err error) {
		id, err = c.Ping(ctx)
		return err
	})
	return id == wire.EmbeddedClusterID, err
}
