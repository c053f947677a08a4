// Package broker is the embedded Kafka broker. `emostream up` uses it when there is no
// Kafka, and `emostream broker` runs it alone.
//
// It is one process that speaks Kafka's protocol and keeps its log in a folder. It is
// less than a Kafka. The log survives a kill of the process, but a power cut only with
// Config.Fsync. There are no replicas. On some systems it can keep the log in memory
// only (CanKeepLog). When it is killed it forgets the sequences of idempotent
// producers. Producers know it by its cluster id (wire.EmbeddedClusterID), and never
// send it a batch again that may have been written.
//
// Only this package knows that the broker is franz-go's kfake.
package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"runtime"
	"time"

	"github.com/gofrs/flock"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/emostream/emostream/internal/wire"
)

// CanKeepLog says whether the broker can keep its log in a folder on this system. On
// Windows it cannot, since kfake renames files that are open.
const CanKeepLog = runtime.GOOS != "windows"

// Config says where the broker listens and keeps its log.
type Config struct {
	// Listen is the address to bind; a port of 0 takes a free one.
	// Default localhost:9092.
	Listen string
	// Listener, if set, is used in place of Listen. The broker owns it from Open on,
	// even if Open fails.
	Listener net.Listener
	// Advertise is the host:port that clients are told to connect to. Default:
	// the address that was bound. It must be given when Listen has no host.
	Advertise string
	// DataDir is the folder that keeps the log. Empty: in memory only.
	DataDir string
	// Fsync flushes every write to the disk before it is acknowledged.
	Fsync bool
	// Retention is how long records are kept in topics that do not set it; default 24
	// h.
	Retention time.Duration
	// RetentionBytes bounds the log of topics that do not set it. Each partition may
	// hold an eighth of it. Default 1 GiB.
	RetentionBytes int64
	// Consumers are the consumer groups that must have committed records before these
	// are removed; default DefaultConsumers.
	Consumers []Consumer
	// MinFree is how many bytes must be free on the disk, or else reactions are refused;
	// default 64 MiB.
	MinFree int64
	// Housekeeping is the time between two runs of retention and compaction;
	// default 1 min.
	Housekeeping time.Duration
	// Users are the users who may log in by SASL, with their passwords. If there are
	// any, nobody else may connect. Default: clients need not log in. It is for tests,
	// and so is a Listener with TLS: with both the broker is like a Kafka that
	// companies run.
	Users map[string]string
	// Logger receives the log of the broker; default: nothing is logged.
	Logger  *slog.Logger
	Metrics prometheus.Registerer // nil: none
}

func (c Config) withDefaults() Config {
	if c.Listen == "" {
		c.Listen = "localhost:9092"
	}
	if c.Retention == 0 {
		c.Retention = 24 * time.Hour
	}
	if c.RetentionBytes == 0 {
		c.RetentionBytes = 1 << 30
	}
	if c.Consumers == nil {
		c.Consumers = DefaultConsumers()
	}
	if c.MinFree == 0 {
		c.MinFree = 64 << 20
	}
	if c.Housekeeping == 0 {
		c.Housekeeping = time.Minute
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// NoHostError says that there is no host that clients could be told to connect to:
// Listen has none, and Advertise is not given.
type NoHostError struct{ Listen string }

func (e *NoHostError) Error() string {
	return fmt.Sprintf("broker address %q has no host that clients could connect to", e.Listen)
}

// AdvertiseError says that Advertise is not an address. Its text begins with the name
// of the setting.
type AdvertiseError struct{ Advertise string }

func (e *AdvertiseError) Error() string {
	return fmt.Sprintf("advertise %q: want host:port", e.Advertise)
}

// Check returns an error if an address is malformed, or if clients could not be told
// where to connect to.
func (c Config) Check() error {
	c = c.withDefaults()
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("broker address %q: %w", c.Listen, err)
	}
	if ip := net.ParseIP(host); c.Advertise == "" && (host == "" || ip != nil && ip.IsUnspecified()) {
		return &NoHostError{c.Listen}
	}
	if host, port, err := net.SplitHostPort(c.Advertise); c.Advertise != "" && (err != nil || host == "" || port == "") {
		return &AdvertiseError{c.Advertise}
	}
	return nil
}

// Broker is a running embedded broker.
type Broker struct {
	cfg     Config
	addr    string
	cluster *kfake.Cluster
	lock    *flock.Flock // nil when in memory

	uncommitted *uncommitted
}

// Open locks the data folder, loads its log, binds the address and serves. The caller
// must call Run or Close. Open returns a LockedError if another process uses the
// folder, and a FormatError if a newer program made it.
func Open(cfg Config) (*Broker, error) {
	b := &Broker{cfg: cfg.withDefaults()}
	if err := b.open(); err != nil {
		if b.cfg.Listener != nil {
			_ = b.cfg.Listener.Close() // kfake may have closed it already
		}
		return nil, errors.Join(err, b.unlock())
	}
	return b, nil
}

func (b *Broker) open() error {
	if err := b.cfg.Check(); err != nil {
		return err
	}
	opts := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.ClusterID(wire.EmbeddedClusterID),
		kfake.MaxVersions(kversion.V3_7_0()), // newer ones confuse the Java clients of Spark 3.5
		kfake.WithLogger(logger{b.cfg.Logger}),
		kfake.BrokerConfigs(b.cfg.retention()),
	}
	if dir := b.cfg.DataDir; dir != "" {
		if !CanKeepLog {
			return fmt.Errorf("data folder %s: on this system the embedded broker keeps its log in memory only", dir)
		}
		if err := b.lockFolder(dir); err != nil {
			return err
		}
		if err := restoreEnds(dir); err != nil {
			return err
		}
		opts = append(opts, kfake.DataDir(filepath.Join(dir, "log")))
	}
	for user, password := range b.cfg.Users {
		opts = append(opts, kfake.EnableSASL())
		for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
			opts = append(opts, kfake.Superuser(mechanism, user, password))
		}
	}
	if b.cfg.Fsync {
		opts = append(opts, kfake.SyncWrites())
	}
	if b.cfg.Listener == nil {
		var err error
		if b.cfg.Listener, err = new(net.ListenConfig).Listen(context.Background(), "tcp", b.cfg.Listen); err != nil {
			return fmt.Errorf("broker address %q: %w", b.cfg.Listen, err)
		}
	}
	ln := b.cfg.Listener
	b.addr = ln.Addr().String()
	if b.cfg.Advertise != "" {
		b.addr = b.cfg.Advertise
	}
	if err := b.writeOwner(); err != nil {
		return err
	}
	opts = append(opts, kfake.ListenFn(func(string, string) (net.Listener, error) {
		return advertisedListener{joinListener{newGuardListener(ln, b.cfg.Logger)}, address(b.addr)}, nil
	}))
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		return fmt.Errorf("embedded broker: %w", err)
	}
	b.cluster = cluster
	addProduceDoor(cluster)
	b.uncommitted = newUncommitted(b)
	b.uncommitted.install()
	b.uncommitted.register(b.cfg.Metrics)
	b.uncommitted.watch(time.Now())
	return nil
}

// Addr returns the address that clients are told to connect to.
func (b *Broker) Addr() string { return b.addr }

// Close flushes the log, ends all connections and unlocks the data folder.
func (b *Broker) Close() error {
	b.cluster.Close()
	return b.unlock()
}

func (b *Broker) unlock() error {
	if b.lock == nil {
		return nil
	}
	return b.lock.Unlock()
}

// advertisedListener is a net.Listener that reports an address other than its own.
// kfake tells clients that address.
type advertisedListener struct {
	net.Listener
	addr net.Addr
}

func (l advertisedListener) Addr() net.Addr { return l.addr }

type address string

func (address) Network() string  { return "tcp" }
func (a address) String() string { return string(a) }

// logger passes on what kfake logs. kfake logs a line for each request at level info;
// here it is logged at level debug.
type logger struct{ log *slog.Logger }

func (l logger) Logf(level kfake.LogLevel, format string, args ...any) {
	to := slog.LevelDebug
	switch level {
	case kfake.LogLevelError:
		to = slog.LevelError
	case kfake.LogLevelWarn:
		to = slog.LevelWarn
	case kfake.LogLevelNone, kfake.LogLevelInfo, kfake.LogLevelDebug:
	}
	if ctx := context.Background(); l.log.Enabled(ctx, to) {
		l.log.Log(ctx, to, fmt.Sprintf(format, args...), "part", "broker") //nolint:sloglint // the words are kfake's
	}
}
