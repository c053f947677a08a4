// Package house_test proves that the lint configuration keeps the house rules. Each import and each call that
// .golangci.yml forbids is reported, and what it allows is not. A rule whose path has a typing error forbids nothing,
// and nobody would notice; here a test fails.
package house_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Each import that a rule forbids is reported under that rule. In the table, an import that begins with one of folders
// is a package of this module.
func TestForbiddenImportsAreReported(t *testing.T) {
	folders := []string{"server", "aggregator", "publisher", "tui", "loadgen", "internal"}
	const module = "github.com/emostream/emostream/"
	const kafkaGo, kfake = "github.com/segmentio/kafka-go", "github.com/twmb/franz-go/pkg/kfake"
	tests := []struct {
		file    string
		imports []string
		rule    string // the rule that forbids each of the imports; empty if they are allowed
	}{
		{"internal/wire/x.go", []string{"encoding/json", "time"}, ""},
		{"internal/wire/x.go", []string{"internal/emoji", "internal/stream", "github.com/google/go-cmp/cmp"}, "leaves"},
		{"internal/stream/x.go", []string{"context"}, ""},
		{"internal/stream/x.go", []string{"internal/wire", "golang.org/x/sync/errgroup"}, "leaves"},
		{"internal/emoji/x.go", []string{"embed", "strings", "internal/text/quote"}, ""},
		{"internal/emoji/x.go", []string{"internal/wire", "golang.org/x/text/unicode/norm"}, "leaves"},
		{"internal/text/quote/x.go", []string{"internal/text", "golang.org/x/text/unicode/norm"}, "leaves"},
		{"internal/sleep/x.go", []string{"time"}, ""},
		{"internal/sleep/x.go", []string{"internal/stream", "golang.org/x/time/rate"}, "leaves"},
		{"internal/emoji/x_test.go", []string{"github.com/google/go-cmp/cmp"}, ""},

		{"server/x.go", []string{"server/ingest", "internal/wire", "internal/stream", "internal/sse"}, ""},
		{"server/x.go", []string{"aggregator", "publisher", "tui", "loadgen"}, "server"},
		{"server/ingest/x.go", []string{"aggregator", "publisher", "tui", "loadgen"}, "server"},
		{"aggregator/x.go", []string{"server", "server/registry", "publisher", "tui", "loadgen"}, "aggregator"},
		{"publisher/x.go", []string{"server", "server/registry", "aggregator", "tui", "loadgen"}, "publisher"},
		{"tui/x.go", []string{"internal/sse", "internal/wire", "charm.land/bubbletea/v2"}, ""},
		{"tui/x.go", []string{"server", "aggregator", "publisher"}, "clients"},
		{"loadgen/x.go", []string{"server", "aggregator", "publisher"}, "clients"},
		{"internal/kafka/x.go", []string{"server", "aggregator", "publisher", "tui"}, "internal"},
		{"internal/sse/x.go", []string{"server", "aggregator", "publisher", "tui"}, "internal"},
		{"internal/proof/e2e/x_test.go", []string{"server", "aggregator", "publisher", "tui", "loadgen"}, ""},
		{"internal/proof/contract/x.go", []string{"server", "server/web"}, ""},
		{"internal/proof/chaos/x.go", []string{"server", "aggregator", "publisher", "tui"}, "internal"},

		{"server/x_test.go", []string{"publisher", "internal/kafka", "internal/broker"}, ""},
		{"aggregator/x_test.go", []string{"publisher", "internal/kafka", "internal/broker"}, ""},
		{"publisher/x_test.go", []string{"aggregator", "internal/kafka", "internal/broker"}, ""},
		{"tui/x_test.go", []string{"server", "internal/kafka", "internal/broker"}, ""},
		{"internal/wire/x_test.go", []string{"github.com/google/go-cmp/cmp"}, ""},

		{"server/fanout/x.go", []string{"internal/kafka", "internal/broker", "internal/inspect/verify"}, "handed-in"},
		{"aggregator/x.go", []string{"internal/kafka", "internal/broker", "internal/inspect/verify"}, "handed-in"},
		{"publisher/x.go", []string{"internal/kafka", "internal/broker", "internal/inspect/verify"}, "handed-in"},
		{"tui/x.go", []string{"internal/kafka", "internal/broker", "internal/inspect/verify"}, "handed-in"},
		{"loadgen/report/x.go", []string{"internal/kafka", "internal/broker", "internal/inspect/verify"}, "handed-in"},

		{"cmd/emostream/x.go", []string{"internal/proof/chaos"}, "ships"},
		{"internal/inspect/verify/x.go", []string{"internal/proof/process"}, "ships"},
		{"internal/kafka/x_test.go", []string{"internal/proof/kafkatest"}, ""},
		{"internal/proof/e2e/x.go", []string{"internal/proof/process"}, ""},

		{"internal/kafka/x.go", []string{kafkaGo, kafkaGo + "/protocol", "github.com/twmb/franz-go/pkg/kmsg"}, ""},
		{"internal/proof/kafkatest/x.go", []string{kafkaGo}, ""},
		{"internal/proof/e2e/x_test.go", []string{kafkaGo, "github.com/twmb/franz-go/pkg/kmsg"}, ""},
		{"internal/proof/chaos/x.go", []string{kafkaGo, "github.com/twmb/franz-go/pkg/kmsg"}, "one-kafka"},
		{"server/ingest/x.go", []string{kafkaGo, kafkaGo + "/protocol", "github.com/twmb/franz-go/pkg/kgo"}, "one-kafka"},
		{"aggregator/x.go", []string{kafkaGo, "github.com/twmb/franz-go/pkg/kmsg"}, "one-kafka"},
		{"publisher/x.go", []string{kafkaGo, "github.com/twmb/franz-go/pkg/kmsg"}, "one-kafka"},
		{"publisher/x_test.go", []string{kafkaGo}, "one-kafka"},
		{"tui/x.go", []string{kafkaGo, "github.com/twmb/franz-go/pkg/kmsg"}, "one-kafka"},
		{"loadgen/x.go", []string{kafkaGo, "github.com/twmb/franz-go/pkg/kmsg"}, "one-kafka"},
		{"cmd/emostream/x.go", []string{kafkaGo, "github.com/twmb/franz-go/pkg/kmsg"}, "one-kafka"},

		{"internal/broker/x.go", []string{kfake, "github.com/twmb/franz-go/pkg/kversion", "github.com/twmb/franz-go/pkg/kmsg", "github.com/twmb/franz-go/pkg/kbin", "github.com/twmb/franz-go/pkg/kerr"}, ""},
		{"internal/broker/x.go", []string{kafkaGo, "github.com/twmb/franz-go/pkg/kgo"}, "broker"},
		{"internal/broker/x_test.go", []string{kafkaGo}, ""},
		{"internal/kafka/x.go", []string{kfake}, "one-broker"},
		{"internal/kafka/x_test.go", []string{kfake}, "one-broker"},
		{"internal/proof/e2e/x_test.go", []string{kfake}, "one-broker"},
		{"server/ingest/x.go", []string{kfake}, "one-broker"},
		{"cmd/emostream/x.go", []string{kfake}, "one-broker"},

		{"cmd/emostream/x.go", []string{"flag", "os/signal", "github.com/spf13/cobra", "charm.land/fang/v2"}, ""},
		{"cmd/emostream/x.go", []string{"server", "aggregator", "publisher", "tui", "loadgen", "internal/kafka", "internal/broker"}, ""},
		{"server/x.go", []string{"flag", "os/signal", "github.com/spf13/cobra", "github.com/spf13/pflag"}, "one-command-line"},
		{"internal/broker/x.go", []string{"flag", "os/signal", "github.com/spf13/cobra"}, "one-command-line"},
		{"tui/x.go", []string{"flag", "os/signal", "github.com/spf13/cobra", "charm.land/fang/v2"}, "one-command-line"},
		{"internal/proof/kafkatest/cmd/kafkatest/x.go", []string{"flag", "os/signal"}, ""},
		{"internal/proof/chaos/x.go", []string{"flag", "os/signal"}, "one-command-line"},
		{"internal/proof/chaos/cmd/chaos/x.go", []string{"flag", "os/signal"}, ""},
		{"internal/proof/hostile/x.go", []string{"flag", "os/signal"}, "one-command-line"},
		{"internal/proof/hostile/cmd/hostile/x.go", []string{"flag", "os/signal"}, ""},
		{"internal/emoji/gen/x.go", []string{"flag"}, ""},
		{"tui/x_test.go", []string{"flag"}, ""},

		{"internal/httpserve/x.go", []string{"log/slog"}, ""},
		{"internal/httpserve/x_test.go", []string{"log"}, ""},
		{"internal/httpserve/x.go", []string{"log"}, "one-log"},
		{"cmd/emostream/x.go", []string{"log"}, "one-log"},
	}
	stub := newModule(t, module)
	files := make([]string, len(tests))
	for i, test := range tests {
		var body strings.Builder
		for j, pkg := range test.imports {
			if top, _, _ := strings.Cut(pkg, "/"); slices.Contains(folders, top) {
				test.imports[j] = module + pkg
			}
			fmt.Fprintf(&body, "import _ %q\n", test.imports[j])
			stub.provide(test.imports[j])
		}
		files[i] = stub.add(test.file, body.String())
	}
	reports := stub.lint("depguard")

	proven := map[string]bool{}
	for i, test := range tests {
		got := reports[files[i]]
		if test.rule == "" && len(got) > 0 {
			t.Errorf("%s may import %q, but: %q", test.file, test.imports, got)
		}
		for _, pkg := range test.imports {
			want := fmt.Sprintf("import '%s' is not allowed from list '%s'", pkg, test.rule)
			if test.rule != "" && !strings.Contains(strings.Join(got, "\n"), want) {
				t.Errorf("%s imports %s, and rule %s does not report it; reported: %q", test.file, pkg, test.rule, got)
			}
		}
		proven[test.rule] = true
	}
	for _, rule := range depguardRules(t) {
		if !proven[rule] {
			t.Errorf("no test shows that rule %s forbids anything", rule)
		}
	}
}

// depguardRules reads the names of the rules from the configuration, by their indentation.
func depguardRules(t *testing.T) []string {
	t.Helper()
	config, err := os.ReadFile(configFile)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(config), "\n    depguard:\n      rules:\n")
	rest, _, _ = strings.Cut(rest, "\n  exclusions:\n")
	var names []string
	for _, match := range regexp.MustCompile(`(?m)^ {8}([a-z-]+):$`).FindAllStringSubmatch(rest, -1) {
		names = append(names, match[1])
	}
	if len(names) == 0 {
		t.Fatal("found no rule of depguard in the configuration")
	}
	return names
}
