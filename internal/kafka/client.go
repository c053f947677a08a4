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
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/internal/stream"
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

// retry calls f until it returns nil, an error that trying again cannot mend,
// or ctx ends; then it returns that error, or the context's.
func (c *Client) retry(ctx context.Context, f func(context.Context) error) error {
	call := call{outage: &c.outage}
	defer call.end(false)
	for delay := 50 * time.Millisecond; ; delay = min(2*delay, 2*time.Second) {
		err := f(ctx)
		switch {
		case err == nil:
			call.end(true)
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !passing(err):
			return err
		case stale(err):
			delay = staleDelay
		default:
			call.failed(err)
		}
		if err := pause(ctx, delay); err != nil {
			return err
		}
	}
}

// staleDelay is how soon a request is made again that met a stale connection.
const staleDelay = 10 * time.Millisecond

// pause waits for d, give or take a quarter, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	return sleep.For(ctx, d*3/4+rand.N(d/2+1))
}

// passing says whether an error may go away by itself: anything that is not an
// answer of the broker, and the answers that Kafka calls retriable.
func passing(err error) bool {
	if errors.Is(err, stream.ErrFenced) || errors.Is(err, errUnreadable) || untrusted(err) {
		return false
	}
	k, ok := errors.AsType[kafka.Error](err)
	if !ok {
		return true
	}
	switch k {
	case kafka.Unknown, kafka.UnknownTopicOrPartition, kafka.BrokerNotAvailable,
		kafka.RebalanceInProgress, kafka.IllegalGeneration, kafka.UnknownMemberId, kafka.MemberIDRequired: // while joining a group
		return true
	}
	return k.Temporary()
}

// Lasting says whether an error stays as long as nobody does something about it,
// rather than until a broker is back.
func Lasting(err error) bool { return !passing(err) }

// notSent says whether a request certainly never left this process: there was no
// connection, or no leader of its partition to send it to.
func notSent(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial" || is[*handshakeError](err) || is[*protocol.TopicError](err) || is[*protocol.TopicPartitionError](err)
}

// is says whether err is, or wraps, an error of a type.
func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// unreachable says whether err is about the way to a broker rather than an
// answer of one.
func unreachable(err error) bool {
	answered := is[kafka.Error](err) // which is a net.Error too
	return !answered && is[net.Error](err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, context.DeadlineExceeded)
}

// plain is an error without the names of kafka-go's functions.
func plain(err error) string {
	return functions.ReplaceAllString(err.Error(), "")
}

var functions = regexp.MustCompile(`kafka\.\(\*Client\)\.\w+: `)

// outage tells the log when the cluster goes away, once, and when it is back,
// however many calls notice. It is back when a call has gone well and none is
// left that tries again. The zero value with a logger is ready.
type outage struct {
	log     *slog.Logger
	brokers string

	mu      sync.Mutex
	since   time.Time // zero while all is well
	said    time.Time
	waiting int       // calls that try again
	refused time.Time // when it was last said that an answer stays the same
}

// tellAgain is how often a lasting outage is said again.
const tellAgain = 30 * time.Second

// patience is how long answers that should pass are nobody's business.
const patience = 10 * time.Second

// call is one call that tries again until it goes well.
type call struct {
	outage  *outage
	began   time.Time // of the first failure
	waiting bool      // and counted as such by the outage
}

// failed notes a failure after which the call tries again.
func (c *call) failed(err error) {
	o, now := c.outage, time.Now()
	if c.began.IsZero() {
		c.began = now
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if !unreachable(err) {
		if now.Sub(c.began) < patience || now.Sub(o.refused) < tellAgain {
			o.log.Debug("kafka answered with an error, trying again", "error", err)
			return
		}
		o.refused = now
		o.log.Warn("kafka goes on answering with an error", "since", c.began.Format(time.TimeOnly), "error", plain(err))
		return
	}
	if !c.waiting {
		c.waiting = true
		o.waiting++
	}
	if o.since.IsZero() {
		o.since = now
	} else if now.Sub(o.said) < tellAgain {
		return
	}
	o.said = now
	o.log.Warn("waiting for kafka", "brokers", o.brokers, "since", o.since.Format(time.TimeOnly), "error", plain(err))
}

// end notes the end of the call, and whether it went well. Only the first one
// counts.
func (c *call) end(well bool) {
	o := c.outage
	o.mu.Lock()
	defer o.mu.Unlock()
	if c.waiting {
		c.waiting = false
		o.waiting--
	}
	if !well || o.since.IsZero() || o.waiting > 0 {
		return
	}
	o.log.Info("kafka is back", "brokers", o.brokers, "away", time.Since(o.since).Round(time.Millisecond).String())
	o.since = time.Time{}
}
