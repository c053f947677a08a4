package e2e_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// Operating guide, alerts, dashboard and program agree: the guide explains every metric
// and every warning in the log, the dashboard shows every metric, and no page or file
// names a metric that does not exist.
func TestMonitoring(t *testing.T) {
	sideBySide(t)
	guide := read(t, "../../../docs/operations.md")
	has := metricsOfAll(t)

	told := unique(regexp.MustCompile("`(emostream_[a-z_]+)`").FindAllStringSubmatch(guide, -1))
	for _, name := range has {
		if !slices.Contains(told, name) {
			t.Errorf("docs/operations.md does not say what %s is", name)
		}
	}
	asked := map[string]string{"docs/operations.md": guide, "alerts.yaml": expressions(t, alerts(t)), "dashboard.json": expressions(t, dashboard(t))}
	for file, text := range asked {
		for _, name := range unique(regexp.MustCompile(`(emostream_[a-z_]+)`).FindAllStringSubmatch(text, -1)) {
			name = regexp.MustCompile("_(bucket|sum|count)$").ReplaceAllString(name, "")
			if !slices.Contains(has, name) {
				t.Errorf("%s speaks of %s, which nothing measures", file, name)
			}
		}
	}
	for _, name := range has {
		if !strings.Contains(asked["dashboard.json"], name) && name != "emostream_build_info" {
			t.Errorf("the dashboard does not show %s", name)
		}
	}
	for _, line := range warnings(t) {
		if !strings.Contains(guide, "`"+line+"`") {
			t.Errorf("docs/operations.md does not say what the log's %q means", line)
		}
	}
}

// Every alert names a section of the operating guide as its runbook, and that section
// exists.
func TestAlertsAreExplained(t *testing.T) {
	sideBySide(t)
	guide := read(t, "../../../docs/operations.md")
	rules := alerts(t)
	if len(rules) < 15 {
		t.Fatalf("%d alerts were found", len(rules))
	}
	for _, r := range rules {
		if want := "docs/operations.md#" + strings.ToLower(r.Alert); r.Annotations["runbook"] != want {
			t.Errorf("the runbook of %s is %q, want %q", r.Alert, r.Annotations["runbook"], want)
		}
		if !strings.Contains(guide, "\n### "+r.Alert+"\n") {
			t.Errorf("docs/operations.md has no section %s", r.Alert)
		}
	}
}

// The tests of the alerts pass in promtool. For every alert there is one in which it
// fires and one in which it is silent.
func TestAlerts(t *testing.T) {
	sideBySide(t)
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("promtool is missing: it is in the distribution's package prometheus")
		}
		t.Skip("needs promtool, in the distribution's package prometheus")
	}
	out, err := exec.CommandContext(t.Context(), promtool, "test", "rules", "../../../deploy/monitoring/alerts_test.yaml").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	tests := read(t, "../../../deploy/monitoring/alerts_test.yaml")
	for _, r := range alerts(t) {
		for _, does := range []string{" fires\n", " is silent\n"} {
			if !strings.Contains(tests, "name: "+r.Alert+does) {
				t.Errorf("there is no test in which %s%s", r.Alert, does)
			}
		}
	}
}

// metricsOfAll returns the names of all metrics of a pipeline on an embedded broker, which
// has metrics, too, and of a load test of it. Some exist only after the first client was
// assigned or the first records were read.
func metricsOfAll(t *testing.T) (names []string) {
	t.Helper()
	in := &installation{t: t, servers: map[string]string{}}
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(strings.Repeat("secret ", 8)), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, "up", "--port", "0", "-o", "json", "--ephemeral", "--broker-listen", "localhost:"+port(free(t)), "--metrics-listen", free(t),
		"--auth-keys", secret, "--anonymous", "watch,send")
	in.read(p.line())
	if res := get(t, in.main[0]+"/register"); !strings.Contains(res, "server_url") {
		t.Fatalf("/register: %s", res)
	}
	until(t, "publish measures how far it is behind", func() error {
		names = helped(get(t, in.metrics))
		if !slices.Contains(names, "emostream_publish_lag_records") {
			return errors.New("it does not yet")
		}
		return nil
	})
	at := free(t)
	start(t, "bench", "--server", in.main[0], "--rate", "1", "--duration", "1h", "--threshold", "lost==0", "--metrics-listen", at)
	until(t, "bench serves its metrics", func() error {
		res, err := http.Get("http://" + at + "/metrics")
		if err != nil {
			return err
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		names = append(names, helped(string(text))...)
		return err
	})
	slices.Sort(names)
	return slices.Compact(names)
}

// helped returns the names of our metrics in an answer of /metrics.
func helped(text string) []string {
	return unique(regexp.MustCompile(`(?m)^# HELP (emostream_\S+)`).FindAllStringSubmatch(text, -1))
}

func get(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

type rule struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	Annotations map[string]string `yaml:"annotations"`
}

func alerts(t *testing.T) (rules []rule) {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []rule `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "../../../deploy/monitoring/alerts.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		rules = append(rules, g.Rules...)
	}
	return rules
}

// dashboard returns the queries of the dashboard, as rules.
func dashboard(t *testing.T) (rules []rule) {
	t.Helper()
	var file struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, "../../../deploy/monitoring/dashboard.json")), &file); err != nil {
		t.Fatal(err)
	}
	for _, p := range file.Panels {
		for _, q := range p.Targets {
			rules = append(rules, rule{Alert: p.Title, Expr: q.Expr})
		}
	}
	return rules
}

func expressions(t *testing.T, rules []rule) string {
	t.Helper()
	var b strings.Builder
	for _, r := range rules {
		b.WriteString(r.Expr + "\n")
	}
	return b.String()
}

// warnings returns the messages that stages log at the levels warn and error.
func warnings(t *testing.T) (lines []string) {
	t.Helper()
	logs := regexp.MustCompile(`\.(?:Warn|Error)\("([^"]+)"`)
	for _, root := range []string{"../../../cmd", "../../../server", "../../../aggregator", "../../../publisher", "../../broker", "../../kafka", "../../roster"} {
		err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			lines = append(lines, unique(logs.FindAllStringSubmatch(read(t, path), -1))...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(lines) < 10 {
		t.Fatalf("%d warnings were found", len(lines))
	}
	return lines
}

// unique returns the first groups of matches, sorted, each once.
func unique(matches [][]string) (out []string) {
	for _, m := range matches {
		out = append(out, m[1])
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
