package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/inspect/topicreader"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/wire"
)

// minRetention is the shortest time for which a topic may keep its records.
const minRetention = time.Minute

func newTopicsRetain(io streams) *cobra.Command {
	var f kafkaFlags
	cmd := &cobra.Command{
		Use:   "retain TOPIC=DURATION...",
		Short: "Change how long topics that exist keep their records",
		Long: `Retain changes how long topics keep their records, and nothing else of them. What is
older is removed soon. It is how a recording is kept: replay and export read what the
topics hold. emoji-topic and emoji-partials must keep theirs for longer than
aggregate is ever away. The embedded broker's --retention-bytes holds all the same.`,
		Example: `  emostream topics retain emoji-aggregated=8760h emoji-topic=72h
  emostream topics retain emoji-aggregated=forever`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			topics, err := f.parseRetentions(args)
			if err != nil {
				return err
			}
			return f.withClient(cmd.Context(), "topics", func(ctx context.Context, c *kafka.Client) error {
				if err := f.mustExist(ctx, c, slices.Sorted(maps.Keys(topics))); err != nil {
					return err
				}
				if err := c.SetRetention(ctx, topics); err != nil {
					return err
				}
				_, _ = fmt.Fprintf(io.err, "%s changed\n", text.Plural(int64(len(topics)), "topic"))
				return nil
			})
		},
	}
	f.add(cmd)
	return cmd
}

// parseRetentions parses arguments like emoji-topic=72h. It returns the retentions by
// the full names of the topics.
func (k *kafkaFlags) parseRetentions(args []string) (map[string]time.Duration, error) {
	all := map[string]time.Duration{}
	for _, a := range args {
		name, text, _ := strings.Cut(a, "=")
		d, err := time.ParseDuration(text)
		switch {
		case wire.CheckTopicName(name) != nil:
			return nil, usagef("%.60q: want TOPIC=DURATION, as in emoji-aggregated=720h", a)
		case text == forever:
			d = kafka.RetainForever
		case err != nil || d < minRetention:
			return nil, usagef("%.60q: want at least %v, as in %s=720h, or %s", a, minRetention, name, forever)
		}
		all[k.topicPrefix+name] = d
	}
	return all, nil
}

// mustExist returns an error if one of the topics does not exist.
func (k *kafkaFlags) mustExist(ctx context.Context, c *kafka.Client, names []string) error {
	states, err := c.Describe(ctx, names...)
	if err != nil {
		return err
	}
	for _, s := range states {
		if err := s.Forbidden(); err != nil {
			return err
		}
		if !s.Exists {
			return &topicreader.MissingError{Topic: s.Name}
		}
	}
	return nil
}

// forever is the word for a retention that removes nothing.
const forever = "forever"

// retentionText writes a value of retention.ms for a person.
func retentionText(ms string) string {
	switch d, err := time.ParseDuration(ms + "ms"); {
	case err != nil:
		return ms
	case d < 0:
		return forever
	default:
		return d.String()
	}
}
