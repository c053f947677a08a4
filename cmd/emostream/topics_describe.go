package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/kafka"
)

func newTopicsDescribe(io streams) *cobra.Command {
	var (
		f   topicsFlags
		out outputFlag
	)
	cmd := &cobra.Command{
		Use:     "describe",
		Short:   "Tell how the topics are",
		Example: `  emostream topics describe -o json`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			asJSON := out.json()
			topics, err := f.topics()
			if err != nil {
				return err
			}
			var states []kafka.TopicState
			err = f.withClient(cmd.Context(), "topics", func(ctx context.Context, c *kafka.Client) (err error) {
				names := make([]string, len(topics))
				for i, t := range topics {
					names[i] = t.Name
				}
				states, err = c.Describe(ctx, names...)
				return err
			})
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(io.out, states)
			}
			return printTopics(io, states)
		},
	}
	f.addNames(cmd)
	out.add(cmd)
	return cmd
}

// printTopics prints a table of topics, those that are missing included.
func printTopics(io streams, states []kafka.TopicState) error {
	columns := []column{{title: "TOPIC"}, {title: "PARTITIONS"}, {title: "REPLICATION"}, {title: "MIN ISR"}, {title: "RETENTION"}, {title: "CLEANUP"}, {title: "STATE"}}
	var rows [][]string
	for _, t := range states {
		state := "ok"
		switch {
		case t.Hidden:
			rows = append(rows, []string{t.Name, "-", "-", "-", "-", "-", "hidden: needs Describe"})
			continue
		case !t.Exists:
			rows = append(rows, []string{t.Name, "-", "-", "-", "-", "-", "missing"})
			continue
		case t.Leaderless > 0:
			state = fmt.Sprintf("%d partitions without a leader", t.Leaderless)
		case t.UnderISR > 0:
			state = fmt.Sprintf("%d partitions under-replicated", t.UnderISR)
		case len(t.Config) == 0:
			state = "settings hidden: needs DescribeConfigs"
		}
		cleanup, retention := t.Config["cleanup.policy"], "-"
		if cleanup != "compact" {
			retention = retentionText(t.Config["retention.ms"])
		}
		rows = append(rows, []string{
			t.Name, strconv.Itoa(t.Partitions), strconv.Itoa(t.Replication), t.Config["min.insync.replicas"], retention, cleanup, state,
		})
	}
	_, err := fmt.Fprintln(io.out, strings.Join(tableLines(columns, rows), "\n"))
	return err
}
