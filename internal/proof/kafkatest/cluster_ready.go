package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/emostream/emostream/internal/sleep"
)

// wait waits until every running broker knows all running brokers, and every replica on
// one of them is in sync. It returns an error, with the end of the log, if a broker
// ends meanwhile.
func (c *Cluster) wait(ctx context.Context) error {
	const interval, timeout = 100 * time.Millisecond, 2 * time.Minute
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	running := slices.DeleteFunc(slices.Clone(c.brokers), func(b *broker) bool { return !b.running() })
	for {
		var missing error
		for _, b := range running {
			if !b.running() {
				return b.died()
			}
			missing = errors.Join(missing, ready(ctx, b.addr, running))
		}
		if missing == nil {
			return nil
		}
		if err := sleep.For(ctx, interval); err != nil {
			return fmt.Errorf("brokers are not ready (%w): %w", err, missing)
		}
	}
}

// ready asks the broker at an address which brokers and replicas it knows. The error
// says what is missing. It uses a bare connection, because a client could answer from
// its cache or ask another broker.
func ready(ctx context.Context, addr string, running []*broker) error {
	const timeout = 2 * time.Second
	dialer := kafka.Dialer{Timeout: timeout}
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	known, err := conn.Brokers()
	if err != nil {
		return fmt.Errorf("%s: ask for the brokers: %w", addr, err)
	}
	for _, b := range running {
		if !contains(known, b.id) {
			return fmt.Errorf("%s does not know broker %d yet", addr, b.id)
		}
	}
	partitions, err := conn.ReadPartitions()
	if err != nil {
		return fmt.Errorf("%s: ask for the partitions: %w", addr, err)
	}
	for _, p := range partitions {
		for _, b := range running {
			if contains(p.Replicas, b.id) && !contains(p.Isr, b.id) {
				return fmt.Errorf("%s: broker %d is not in sync for %s/%d", addr, b.id, p.Topic, p.ID)
			}
		}
	}
	return nil
}

// contains tells whether a broker is in a list of Kafka's metadata.
func contains(brokers []kafka.Broker, id int) bool {
	return slices.ContainsFunc(brokers, func(b kafka.Broker) bool { return b.ID == id })
}
