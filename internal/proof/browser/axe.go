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
	rules := map[string]any{}
	for _, rule := range without {
		rules[rule] = map[string]bool{"enabled": false}
	}
	return tab.runAxe(map[string]any{"resultTypes": []string{"violations"}, "rules": rules})
}

// AxeContrast returns where text is hard to read before what is behind it. It is quicker than all rules, for the looks of
// a page that Axe has seen.
func (tab *Tab) AxeContrast() []string {
	tab.tb.Helper()
	return tab.runAxe(map[string]any{"resultTypes": []string{"violations"}, "runOnly": []string{"color-contrast"}})
}

func (tab *Tab) runAxe(options map[string]any) []string {
	tab.tb.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, MaxWait)
	defer cancel()
	there, err := eval[bool](ctx, `"axe" in globalThis`)
	if err == nil && !there {
		_, err = eval[chromedp.Void](ctx, tab.axe())
	}
	if err != nil {
		tab.tb.Fatalf("axe-core: %v", err)
	}
	with, err := json.Marshal(options)
	if err != nil {
		tab.tb.Fatal(err)
	}
	// What fades in or out cannot be read halfway.
	tab.Run(`if (!globalThis.axeStill) {
		globalThis.axeStill = new CSSStyleSheet();
		axeStill.replaceSync("*, ::before, ::after { transition: none !important; animation: none !important; }");
		document.adoptedStyleSheets.push(axeStill);
	}`)
	return Eval[[]string](tab, `axe.run(document, `+string(with)+`).then(found => found.violations.flatMap(rule =>
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
