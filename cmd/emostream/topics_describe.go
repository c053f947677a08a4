package main

import (
	"context"
	"encoding/json"
	"fmt"
	"text/tabwriter"

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
			asJSON, err := out.json()
			if err != nil {
				return err
			}
			topics, err := f.topics()
			if err != nil {
				return err
			}
			var states []kafka.TopicState
			err = f.withClient(cmd.Context(), func(ctx context.Context, c *kafka.Client) (err error) {
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
				return json.NewEncoder(io.out).Encode(states)
			}
			return printTopics(io, states)
		},
	}
	f.addNames(cmd)
	out.add(cmd)
	return cmd
}

func printTopics(io streams, states []kafka.TopicState) error {
	w := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "TOPIC\tPARTITIONS\tREPLICATION\tMIN ISR\tRETENTION\tCLEANUP\tSTATE")
	for _, t := range states {
		state := "ok"
		switch {
		case t.Hidden:
			_, _ = fmt.Fprintf(w, "%s\t-\t-\t-\t-\t-\thidden: needs Describe\n", t.Name)
			continue
		case !t.Exists:
			_, _ = fmt.Fprintf(w, "%s\t-\t-\t-\t-\t-\tmissing\n", t.Name)
			continue
		case t.Leaderless > 0:
			state = fmt.Sprintf("%d partitions without a leader", t.Leaderless)
		case t.UnderISR > 0:
			state = fmt.Sprintf("%d partitions under-replicated", t.UnderISR)
		case len(t.Config) == 0:
			state = "settings hidden: needs DescribeConfigs"
		}
		keep := "-"
		if t.Config["cleanup.policy"] != "compact" {
			keep = retentionText(t.Config["retention.ms"])
		}
		_, _ = fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\t%s\t%s\n", t.Name, t.Partitions, t.Replication,
			t.Config["min.insync.replicas"], keep, t.Config["cleanup.policy"], state)
	}
	return w.Flush()
}
