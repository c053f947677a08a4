package chaos

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/proof/kafkatest"
	"github.com/emostream/emostream/internal/sleep"
)

// The brokers that a pipeline can run on.
const (
	Embedded = "embedded" // the program's own, one process
	Kafka    = "kafka"    // three of Apache Kafka
)

// victim is a process, or a cluster of brokers, to which faults can happen.
type victim interface {
	// inject causes a fault, and returns when the victim is running again. When ctx
	// ends, it lets the victim run again at once.
	inject(ctx context.Context, f Fault) error
}

// brokers are the brokers that a pipeline runs on.
type brokers struct {
	addrs        []string
	target       Target
	victim       victim
	startMissing func(context.Context) error // starts the brokers that do not run
	stop         func() error
}

// startBrokers starts the brokers that a configuration asks for.
func startBrokers(ctx context.Context, cfg Config, run func(name string, args ...string) *stage) (*brokers, error) {
	if cfg.Broker == Kafka {
		return startKafka(ctx, cfg)
	}
	ports, err := kafkatest.FreePorts(ctx, 1)
	if err != nil {
		return nil, err
	}
	addr := localAddr(ports[0])
	s := run("broker", "broker", "--listen", addr, "--data-dir", filepath.Join(cfg.Dir, "data"))
	return &brokers{
		addrs:  []string{addr},
		target: Target{Names: []string{s.name}, Kinds: []Kind{Kill, Pause, Restart}, Rest: time.Second},
		victim: s, startMissing: s.start, stop: s.kill,
	}, s.start(ctx)
}

func localAddr(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// kafkaName is the beginning of the names of Apache Kafka's brokers, and of their logs.
const kafkaName = "broker-"

func startKafka(ctx context.Context, cfg Config) (*brokers, error) {
	cluster, err := kafkatest.Start(ctx, kafkatest.Options{Dir: filepath.Join(cfg.Dir, "kafka")})
	if err != nil {
		return nil, err
	}
	b := &brokers{
		addrs: cluster.Addrs(),
		// A broker that comes back has to catch up before the next one may be away.
		target: Target{Kinds: []Kind{Kill, Pause, Move}, Rest: 8 * time.Second},
		victim: oneBrokerAway{cluster}, startMissing: func(context.Context) error { return nil }, stop: cluster.Stop,
	}
	for i := range b.addrs {
		b.target.Names = append(b.target.Names, kafkaName+strconv.Itoa(i))
	}
	return b, nil
}

// oneBrokerAway is a cluster in which only one broker at a time may be away.
type oneBrokerAway struct{ *kafkatest.Cluster }

func (c oneBrokerAway) inject(ctx context.Context, f Fault) error {
	i, err := strconv.Atoi(strings.TrimPrefix(f.Target, kafkaName))
	if err != nil {
		return fmt.Errorf("fault of a broker: %w", err)
	}
	if f.Kind == Move {
		_, err := c.MoveLeaders(context.WithoutCancel(ctx), i)
		return err
	}
	away, back := c.Kill, c.Start
	if f.Kind == Pause {
		away, back = c.Pause, c.Resume
	}
	if err := away(i); err != nil {
		return err
	}
	_ = sleep.For(ctx, f.For)
	return back(context.WithoutCancel(ctx), i)
}

// isBroker returns whether a fault happens to a broker.
func (b *brokers) isBroker(f Fault) bool { return slices.Contains(b.target.Names, f.Target) }
