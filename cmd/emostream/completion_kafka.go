package main

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/inspect/topicreader"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// Completion must be quick. So Kafka has a second to answer, and only the newest records
// are searched for channels.
const (
	completionTimeout = time.Second
	completionRecords = 1000 // of a partition
)

// completeFromKafka completes a value with what find reads from Kafka. If Kafka does not
// answer there are no suggestions.
func completeFromKafka(find func(context.Context, *kafka.Client, wire.Topics) []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
		defer cancel()
		k, err := kafkaFlagsOf(cmd)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		c, err := k.open("completion", nil)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer c.Close()
		return find(ctx, c, k.names()), cobra.ShellCompDirectiveNoFileComp
	}
}

// kafkaFlagsOf returns the Kafka flags of a command line. A client of the main server
// has none, so it gets those that consume would have from the settings.
func kafkaFlagsOf(cmd *cobra.Command) (*kafkaFlags, error) {
	if cmd.Flags().Lookup("brokers") == nil {
		consume, _, err := newRoot(streams{}).Find([]string{"consume"})
		if err != nil {
			return nil, err
		}
		cmd = consume
	}
	if err := applySettings(cmd); err != nil {
		return nil, err
	}
	k := &kafkaFlags{groupPrefix: "emostream-"}
	brokers, err := cmd.Flags().GetStringSlice("brokers")
	if err != nil {
		return nil, err
	}
	k.brokers, k.topicPrefix = brokers, cmd.Flag("topic-prefix").Value.String()
	k.kafkaSecurityFlags = kafkaSecurityFlagsOf(cmd)
	return k, nil
}

// kafkaSecurityFlagsOf returns the TLS and SASL flags of a command.
func kafkaSecurityFlagsOf(cmd *cobra.Command) kafkaSecurityFlags {
	say := func(name string) string { return cmd.Flag(name).Value.String() }
	return kafkaSecurityFlags{
		tls: say("tls") == "true", ca: say("tls-ca"), cert: say("tls-cert"), key: say("tls-key"), serverName: say("tls-server-name"),
		mechanism: say("sasl-mechanism"), user: say("sasl-user"), passwordFile: say("sasl-password-file"),
	}
}

// completeTopics offers the topics whose names begin with prefix, and puts as in the
// place of that prefix: with "sub_" and "sub" it offers sub1 for the topic sub_1.
func completeTopics(prefix, as string) cobra.CompletionFunc {
	return completeFromKafka(func(ctx context.Context, c *kafka.Client, names wire.Topics) (found []string) {
		topics, _ := c.Topics(ctx)
		for _, topic := range topics {
			own, ours := strings.CutPrefix(topic, names.Prefix)
			if rest, ok := strings.CutPrefix(own, prefix); ours && ok && !strings.HasPrefix(own, "__") {
				found = append(found, as+rest)
			}
		}
		return found
	})
}

// recentChannels lists the channels of the newest counts, and the main channel.
func recentChannels(ctx context.Context, c *kafka.Client, names wire.Topics) []string {
	seen := map[string]bool{wire.MainChannel: true}
	states, err := c.Describe(ctx, names.Counts())
	if err != nil {
		return nil
	}
	for p := range states[0].Partitions {
		cursor := topicreader.NewCursor(c, names.Counts(), p, completionTimeout)
		err := cursor.ReadLast(ctx, completionRecords, func(records []stream.Record) error {
			for _, record := range records {
				var count struct {
					Channel string `json:"channel"`
				}
				if json.Unmarshal(record.Value, &count) == nil && wire.ValidChannel(count.Channel) {
					seen[count.Channel] = true
				}
			}
			return nil
		})
		if err != nil {
			break // the channels found so far are what can be offered in time
		}
	}
	return slices.Sorted(maps.Keys(seen))
}
