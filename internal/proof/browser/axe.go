package browser

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// Axe fails the test for each element that breaks a rule of axe-core. The rules that are named are left out; the caller
// says why.
func (tab *Tab) Axe(without ...string) {
	tab.tb.Helper()
	for _, broken := range tab.AxeFinds(without...) {
		tab.tb.Errorf("axe-core: %s", broken)
	}
}

// AxeFinds returns what Axe would fail for.
func (tab *Tab) AxeFinds(without ...string) []string {
	tab.tb.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, MaxWait)
	defer cancel()
	if _, err := eval[chromedp.Void](ctx, tab.axe()); err != nil {
		tab.tb.Fatalf("axe-core: %v", err)
	}
	rules := map[string]any{}
	for _, rule := range without {
		rules[rule] = map[string]bool{"enabled": false}
	}
	off, err := json.Marshal(rules)
	if err != nil {
		tab.tb.Fatal(err)
	}
	return Eval[[]string](tab, `axe.run(document, {resultTypes: ["violations"], rules: `+string(off)+`}).then(found => found.violations.flatMap(rule =>
		rule.nodes.map(node => rule.id + " (" + rule.impact + "): " + node.target.join(" ") + ": " + node.failureSummary + "\n" + node.html)))`)
}

// axe returns the source of axe-core, which make test-browser installs.
func (tab *Tab) axe() string {
	tab.tb.Helper()
	source, err := os.ReadFile(filepath.Join(Root(tab.tb), ".cache/browser/node_modules/axe-core/axe.min.js"))
	if err != nil {
		Missing(tab.tb, "axe-core (make .cache/browser/package-lock.json): "+err.Error())
	}
	return string(source) + "\n;undefined"
}

// Root returns the folder of go.mod.
func Root(tb testing.TB) string {
	tb.Helper()
	folder, err := os.Getwd()
	for ; err == nil; folder = filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder
		}
		if strings.TrimSuffix(folder, string(filepath.Separator)) == filepath.VolumeName(folder) {
			break
		}
	}
	tb.Fatal("no go.mod stands above the test's folder")
	return ""
}
