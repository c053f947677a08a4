// Package broker is the embedded Kafka broker: what `emostream up` runs on when
// there is no Kafka, and what `emostream broker` offers alone.
//
// It is one process that speaks Kafka's protocol and keeps its log in a folder.
// Honest about what it is: where it Keeps a log at all, that survives a kill of
// the process, and a power cut only with Config.Fsync; there are no replicas; it
// forgets the sequences of idempotent producers when it is killed, which is why
// producers treat it by its cluster id (wire.EmbeddedClusterID) with more care than
// Apache Kafka.
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
	"strconv"
	"time"

	"github.com/gofrs/flock"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/emostream/emostream/internal/wire"
)

// Keeps says whether this system lets the broker keep its log in a folder. Windows
// does not: it renames no file that is open, which kfake asks for.
const CanKeepLog = runtime.GOOS != "windows"

// Config says where the broker listens and keeps its log.
type Config struct {
	// Listen is the address to bind; a port of 0 takes a free one.
	// Default localhost:9092.
	Listen string
	// Listener is served instead if it is given; it is the broker's from Open on,
	// which closes it when it fails.
	Listener net.Listener
	// Advertise is the host:port that clients are told to connect to. Default:
	// the address that was bound. It must be given when Listen has no host.
	Advertise string
	// DataDir keeps the log, where the broker Keeps one. Empty: in memory only.
	DataDir string
	// Fsync flushes every write to the disk before it is acknowledged.
	Fsync bool
	// Retention is how long records are kept where their topic does not say;
	// default 24 h.
	Retention time.Duration
	// RetentionBytes bounds the log where its topic does not say: each
	// partition may hold an eighth of it; default 1 GiB.
	RetentionBytes int64
	// Housekeeping is the time between two runs of retention and compaction;
	// default 1 min.
	Housekeeping time.Duration
	// Users are those who may log in, by SASL, each with a password; default:
	// nobody has to. With a Listener that speaks TLS it is a Kafka as companies run
	// it, for tests.
	Users map[string]string
	// Logger receives what the broker has to say; default: nothing is logged.
	Logger *slog.Logger
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
	if c.Housekeeping == 0 {
		c.Housekeeping = time.Minute
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Check says whether the addresses can be right.
func (c Config) Check() error {
	c = c.withDefaults()
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("broker address %q: %w", c.Listen, err)
	}
	if ip := net.ParseIP(host); c.Advertise == "" && (host == "" || ip != nil && ip.IsUnspecified()) {
		return fmt.Errorf("broker address %q has no host that clients could connect to: give --advertise host:port", c.Listen)
	}
	if host, port, err := net.SplitHostPort(c.Advertise); c.Advertise != "" && (err != nil || host == "" || port == "") {
		return fmt.Errorf("--advertise %q: want host:port", c.Advertise)
	}
	return nil
}

// Broker is a running embedded broker.
type Broker struct {
	cfg     Config
	addr    string
	cluster *kfake.Cluster
	lock    *flock.Flock // nil when in memory
}

// Open locks the data folder, loads its log, binds the address and serves. The
// caller must call Run or Close. A folder that another process uses fails with
// ErrLocked, one of a newer format is refused.
func Open(cfg Config) (*Broker, error) {
	b := &Broker{cfg: cfg.withDefaults()}
	if err := b.open(); err != nil {
		if b.cfg.Listener != nil {
			_ = b.cfg.Listener.Close() // again, perhaps: kfake closes what it was given
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
		kfake.BrokerConfigs(map[string]string{
			"log.retention.ms":    strconv.FormatInt(b.cfg.Retention.Milliseconds(), 10),
			"log.retention.bytes": strconv.FormatInt(max(b.cfg.RetentionBytes/8, 1), 10),
			// Files are removed whole: small ones keep the disk's use near the bound.
			"log.segment.bytes": strconv.FormatInt(max(b.cfg.RetentionBytes/64, 1), 10),
			// Who comes back after a month goes on where they were.
			"offsets.retention.minutes": strconv.Itoa(10 * 365 * 24 * 60),
		}),
	}
	if dir := b.cfg.DataDir; dir != "" {
		if !CanKeepLog {
			return fmt.Errorf("data folder %s: on this system the embedded broker keeps its log in memory only", dir)
		}
		if err := b.claim(dir); err != nil {
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
	if err := b.sign(); err != nil {
		return err
	}
	opts = append(opts, kfake.ListenFn(func(string, string) (net.Listener, error) {
		return advertised{joiners{ln}, address(b.addr)}, nil
	}))
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		return fmt.Errorf("embedded broker: %w", err)
	}
	b.cluster = cluster
	return nil
}

// Addr is the address that clients are told to connect to.
func (b *Broker) Addr() string { return b.addr }

// Size is how many bytes the log takes on the disk; 0 in memory.
func (b *Broker) Size() int64 {
	if b.cfg.DataDir == "" {
		return 0
	}
	return size(b.cfg.DataDir)
}

// Run applies retention and compaction from time to time until ctx ends, and
// then closes the broker.
func (b *Broker) Run(ctx context.Context) error {
	t := time.NewTicker(b.cfg.Housekeeping)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return b.Close()
		case <-t.C:
			if err := b.saveEnds(); err != nil {
				b.cfg.Logger.Warn("nothing is removed from the log", "error", err)
				continue
			}
			b.cluster.ApplyRetention()
			b.cluster.Compact()
		}
	}
}

// Close flushes the log, ends all connections and gives the data folder free.
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

// advertised is a listener that tells clients another address than its own.
type advertised struct {
	net.Listener
	addr net.Addr
}

func (a advertised) Addr() net.Addr { return a.addr }

type address string

func (address) Network() string  { return "tcp" }
func (a address) String() string { return string(a) }

// logger hands the broker's own words on; what it calls info is one line a
// request, hence a level lower here.
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
