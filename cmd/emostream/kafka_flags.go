package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/errno"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/wire"
)

// kafkaFlags say which Kafka to connect to and how topics and consumer groups are named.
type kafkaFlags struct {
	kafkaSecurityFlags
	brokers     []string
	topicPrefix string
	groupPrefix string
	lateness    time.Duration // of aggregate, if it runs in this process; emoji-topic has a setting that depends on it
}

func (k *kafkaFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&k.brokers, "brokers", []string{"localhost:9092"}, "addresses to find the Kafka cluster by, host:port, several separated by commas")
	k.addAllButBrokers(cmd)
}

// addAllButBrokers adds all flags but --brokers, for commands such as up that have
// another default for it.
func (k *kafkaFlags) addAllButBrokers(cmd *cobra.Command) {
	k.kafkaSecurityFlags.add(cmd)
	cmd.Flags().StringVar(&k.topicPrefix, "topic-prefix", "", "put before the name of every topic, so that two installations can share a cluster")
	cmd.Flags().StringVar(&k.groupPrefix, "group-prefix", "emostream-", "put before the name of every consumer group")
}

// check says what is wrong with the flags, nil if nothing is.
func (k *kafkaFlags) check() error {
	if k.topicPrefix != "" {
		if err := wire.CheckTopicName(k.topicPrefix); err != nil {
			return usagef("--topic-prefix: %w", err)
		}
	}
	if err := wire.CheckTopicName(k.groupPrefix); err != nil {
		return usagef("--group-prefix: %w", err)
	}
	return k.kafkaSecurityFlags.check()
}

// open returns a client, which connects only when it is used. role becomes part of its
// client id.
func (k *kafkaFlags) open(role string, log *slog.Logger) (*kafka.Client, error) {
	if err := k.check(); err != nil {
		return nil, err
	}
	security, err := k.security()
	if err != nil {
		return nil, err
	}
	c, err := kafka.Open(kafka.Config{
		Brokers: k.brokers, ClientID: "emostream-" + role, Security: security, Names: kafkaFlagNames(), Logger: log,
	})
	if err != nil {
		return nil, usagef("%w", err)
	}
	return c, nil
}

// kafkaFlagNames returns the flags that internal/kafka names in its advice.
func kafkaFlagNames() kafka.SettingNames {
	return kafka.SettingNames{
		Brokers: "--brokers", TLS: "--tls", CA: "--tls-ca", ClientCert: "--tls-cert", ServerName: "--tls-server-name",
		Mechanism: "--sasl-mechanism", User: "--sasl-user",
	}
}

// openAndPing returns a client after Kafka has answered it once.
func (k *kafkaFlags) openAndPing(ctx context.Context, role string, log *slog.Logger) (*kafka.Client, error) {
	c, err := k.open(role, log)
	if err != nil {
		return nil, err
	}
	if _, err := c.Ping(ctx); err != nil {
		c.Close()
		if ctx.Err() != nil {
			return nil, errInterrupted
		}
		return nil, k.unreachable(err)
	}
	return c, nil
}

// unreachable adds to the error of a Kafka that does not answer the flag that says
// where it is, unless the error names another cause.
func (k *kafkaFlags) unreachable(err error) error {
	if kafka.Permanent(err) {
		return err
	}
	if client.Unreached(err) {
		return fmt.Errorf("no broker can be reached at %s (%s): is Kafka running there? --brokers says where it is", strings.Join(k.brokers, ","), errno.Cause(err))
	}
	return fmt.Errorf("%w (is Kafka running there? --brokers says where it is)", err)
}

func (k *kafkaFlags) layout() kafka.Layout {
	return kafka.Layout{Names: wire.Topics{Prefix: k.topicPrefix}, Lateness: k.lateness}
}

func (k *kafkaFlags) names() wire.Topics { return wire.Topics{Prefix: k.topicPrefix} }

// group returns the full name of a consumer group.
func (k *kafkaFlags) group(role string) string { return k.groupPrefix + role }
