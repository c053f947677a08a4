package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"
)

// Help is printed on stdout. It names the commands, their main flags, and the defaults
// on which scripts rely. None of these may change.
func TestHelp(t *testing.T) {
	for command, want := range map[string][]string{
		"": {"up", "serve", "aggregate", "publish", "subscribe", "broker", "topics", "send", "watch", "consume", "version"},
		"up": {
			"--data-dir", "--ephemeral", "--host", "--port", "(default 5000)", "--subscribers", "(default 6)", "--clusters", "(default 2)",
			"--capacity", "--broker-listen", `(default "localhost:9092")`, "--brokers", "--public-url", "--metrics-listen", "-o, --output",
		},
		"serve":           {"--brokers", "(default [localhost:9092])", "--listen", `(default "127.0.0.1:5000")`, "--metrics-listen", "--linger", "--max-batch"},
		"aggregate":       {"--brokers", "--metrics-listen", "--window", "(default 2s)", "--lateness", "(default 10s)", "--scale", `(default "linear:10:10")`},
		"publish":         {"--brokers", "--metrics-listen", "--role", "(default [main,cluster])", "--clusters", "(default [cluster_1,cluster_2])", "--top"},
		"subscribe":       {"--brokers", "--listen", "--metrics-listen", "--name", `(default "sub1")`, "--cluster", `(default "cluster_1")`, "--capacity", "(default 10000)", "--public-url"},
		"broker":          {"--listen", `(default "localhost:9092")`, "--advertise", "--metrics-listen", "--data-dir", "--fsync", "--retention", "(default 24h0m0s)", "--retention-bytes"},
		"topics":          {"create", "describe"},
		"topics create":   {"--brokers", "--partitions", "(default 4)", "--replication", "--retention", "--topic-prefix"},
		"topics describe": {"--brokers", "-o, --output"},
		"send":            {"--server", `(default "http://127.0.0.1:5000")`, "--count", "--rate", "--channel", `(default "main")`, "--watch"},
		"watch":           {"--server", "--channel", "-n, --windows", "-o, --output"},
		"consume":         {"--brokers", "--topic", `(default "emoji-topic")`, "--from-beginning", "-n, --records", "--verify", "--wait", "(default 15s)", "-o, --output"},
		"bench":           {"compare", "merge", "--threshold", "--out", "--progress", "-o, --output"},
		"bench compare":   {"--fail-on", "-o, --output", "exit code 3"},
		"bench merge":     {"--out", "-o, --output", "--start-at"},
		"topics retain":   {"--brokers", "--topic-prefix", "emoji-aggregated=forever"},
		"replay":          {"--brokers", "--server", "--from", "--to", "--last", "--channel", "--emoji", "--speed", `(default "1")`, "--to-channel", "--connections", "--patience", "-o, --output"},
		"export":          {"--brokers", "--what", `(default "windows")`, "--format", "--out", "--from", "--to", "--last", "--channel", "--emoji", "-o, --output"},
		"stats":           {"--brokers", "--from", "--to", "--last", "--follow", "--channel", "--emoji", "--chart", "--top", "--window", "(default 2s)", "-o, --output"},
		"doctor":          {"--brokers", "--topic-prefix", "--host", "--port", "(default 5000)", "--subscribers", "(default 6)", "--clients", "(default 10000)", "--data-dir", "--window", "--lateness", "--timeout", "(default 5s)", "-o, --output", "Exit code 1"},
		"version":         {"-o, --output"},
	} {
		t.Run(command, func(t *testing.T) {
			var out, errs bytes.Buffer
			args := append(strings.Fields(command), "--help")
			if code := execute(t.Context(), streams{out: &out, err: &errs}, args); code != exitOK || errs.Len() > 0 {
				t.Errorf("exit code %d, and on stderr %q", code, errs.String())
			}
			said := strings.Join(strings.Fields(out.String()), " ") // without line breaks, which may be anywhere
			for _, w := range want {
				if !strings.Contains(said, w) {
					t.Errorf("the help does not mention %s:\n%s", w, out.String())
				}
			}
		})
	}
}

// Every command has a description, a group, and an example that names it.
func TestEveryCommandHasAnExample(t *testing.T) {
	for _, c := range allCommands() {
		if c.Short == "" {
			t.Errorf("%s has no description", c.CommandPath())
		}
		if c.HasParent() && !c.Parent().HasParent() && c.GroupID == "" {
			t.Errorf("%s is in no group", c.CommandPath())
		}
		if c.HasSubCommands() && c.Example == "" || !c.IsAvailableCommand() {
			continue
		}
		if !strings.Contains(c.Example, "  emostream "+strings.Join(strings.Fields(c.CommandPath())[1:], " ")) {
			t.Errorf("%s has no example: %q", c.CommandPath(), c.Example)
		}
	}
}

// allCommands returns the program's command and all below it.
func allCommands() []*cobra.Command {
	all := []*cobra.Command{newRoot(streams{})}
	for i := 0; i < len(all); i++ {
		all = append(all, all[i].Commands()...)
	}
	return all
}

// No line of help is wider than 80 columns.
func TestHelpFits(t *testing.T) {
	for _, c := range allCommands() {
		var out bytes.Buffer
		args := append(strings.Fields(c.CommandPath())[1:], "--help")
		if code := execute(t.Context(), streams{out: &out, err: &out}, args); code != exitOK {
			t.Errorf("%s --help: exit code %d", c.CommandPath(), code)
		}
		for line := range strings.Lines(out.String()) {
			if w := ansi.StringWidth(strings.TrimSuffix(line, "\n")); w > columns {
				t.Errorf("%s --help has a line of %d columns: %s", c.CommandPath(), w, line)
			}
		}
	}
}

// No command has a setting and a subcommand of the same name. So each name in a
// settings file has one meaning.
func TestNamesInFilesAreOneThing(t *testing.T) {
	for _, c := range allCommands() {
		for _, sub := range c.Commands() {
			if c.HasParent() && c.Flags().Lookup(sub.Name()) != nil {
				t.Errorf("%s has a command and a flag that are called %s", c.CommandPath(), sub.Name())
			}
			if sub.Name() == commonSection {
				t.Errorf("%s is called as the section of all commands", sub.CommandPath())
			}
		}
	}
}
