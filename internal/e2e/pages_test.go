package e2e_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pagesFolder is the variable that names the folder of the pages whose commands are
// run, by the emostream that PATH has.
const pagesFolder = "EMOSTREAM_TEST_PAGES"

// The pages that newcomers follow are followed, each from top to bottom in an empty
// folder: every block of commands is typed as it stands there, and prints what stands
// there, apart from its numbers. It takes the ports that the pages name.
func TestPages(t *testing.T) {
	folder := os.Getenv(pagesFolder)
	if folder == "" {
		t.Skip(pagesFolder + " names no folder with README.md and docs: make test-pages does")
	}
	for _, name := range []string{"README.md", "docs/getting-started.md"} {
		t.Run(filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(folder, name))
			if err != nil {
				t.Fatal(err)
			}
			all := typed(string(text))
			if len(all) < 5 {
				t.Fatalf("%d commands were found", len(all))
			}
			newReader(t).follow(all)
		})
	}
}

// command is what a page tells its reader to type, and what it says that is printed.
type command struct {
	text   string
	prints []string
}

// typed finds the commands of a page: the lines of its blocks of sh, and those after
// a $ in its blocks of console.
func typed(page string) (all []command) {
	for _, block := range regexp.MustCompile("(?ms)^```(sh|console)\n(.*?)^```$").FindAllStringSubmatch(page, -1) {
		text := strings.ReplaceAll(block[2], "\\\n", "")
		for line := range strings.Lines(text) {
			line = strings.TrimSpace(line)
			after, entered := strings.CutPrefix(line, "$ ")
			switch {
			case line == "":
			case block[1] == "sh" || entered:
				all = append(all, command{text: after})
			case len(all) > 0:
				last := &all[len(all)-1]
				last.prints = append(last.prints, line)
			}
		}
	}
	return all
}

// lasting are the beginnings of the commands that go on until they are told to stop,
// and what the terminal shows when they are under way.
var lasting = map[string]string{
	"emostream up":    "ready http://",
	"emostream tui":   "● live sub",
	"emostream watch": "watching sub",
	"curl -sN ":       "event: swarm",
	"timeout ":        "claimed partitions", // which stops it itself
}

// reader is someone who follows a page, with a home of their own.
type reader struct {
	t    *testing.T
	home string
	open []window
}

// window is a terminal in which a command goes on.
type window struct {
	command
	*terminal
}

func newReader(t *testing.T) *reader {
	home := t.TempDir()
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "EMOSTREAM_") || strings.HasPrefix(name, "XDG_") {
			t.Setenv(name, "") // which restores it
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Setenv("HOME", home)
	t.Chdir(home)
	return &reader{t: t, home: home}
}

// follow types all commands, and at the end stops those that go on: by then they
// have shown what the page says.
func (r *reader) follow(all []command) {
	for _, c := range all {
		r.t.Log("$ ", c.text)
		if shows, ok := goesOn(c.text); ok {
			term := openShell(r.t, 200, 50, "trap : INT; "+c.text+`; echo "ended with $?"; exec cat`)
			r.open = append(r.open, window{c, term})
			term.shows(shows)
			continue
		}
		r.run(c)
	}
	// up is the first, and what it serves is stopped before it.
	for _, w := range slices.Backward(r.open) {
		r.close(w)
	}
}

func goesOn(text string) (shows string, ok bool) {
	for begins, shows := range lasting {
		if strings.HasPrefix(text, begins) {
			return shows, true
		}
	}
	return "", false
}

// run types a command that ends.
func (r *reader) run(c command) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 2*patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, "bash", "-c", c.text).CombinedOutput()
	if err != nil {
		r.t.Fatalf("%s: %v:\n%s", c.text, err, out)
	}
	if len(c.prints) > 0 && !regexp.MustCompile(`(?s)^\s*`+like(c.prints, `\s*\n\s*`)+`\s*$`).Match(out) {
		r.t.Errorf("%s does not print\n  %s\nbut\n%s", c.text, strings.Join(c.prints, "\n  "), out)
	}
}

// close waits until a command that goes on has shown what it should, and stops it as
// a person does.
func (r *reader) close(w window) {
	r.t.Helper()
	until(r.t, w.text+" shows what the page says", func() error {
		all := w.all()
		for _, line := range w.prints {
			if !regexp.MustCompile(`(?m)^\s*` + like([]string{line}, "") + `\s*$`).MatchString(all) {
				return fmt.Errorf("there is no line like %s in\n%s", line, all)
			}
		}
		return nil
	})
	if strings.HasPrefix(w.text, "timeout ") {
		w.shows("ended with")
		return
	}
	w.press("C-c")
	if strings.HasPrefix(w.text, "emostream ") {
		w.shows("ended with 0")
	}
}

// like is a pattern of the lines that a page shows. Any number may stand where a
// number stands, and anything for a …; what a window of watch holds depends on when
// it ended.
func like(lines []string, between string) string {
	var patterns []string
	for _, line := range lines {
		p := regexp.QuoteMeta(line)
		p = regexp.MustCompile(`\d(?:(?:\\\.|,)?\d)*`).ReplaceAllString(p, `\d[\d.,]*`)
		p = regexp.MustCompile(`\s+`).ReplaceAllString(p, `\s+`)
		p = strings.ReplaceAll(p, "…", `.*`)
		if regexp.MustCompile(`^\d\d:\d\d:\d\d .* \d+$`).MatchString(line) {
			p = `\d\d:\d\d:\d\d +\d+ .* \d+`
		}
		patterns = append(patterns, p)
	}
	return strings.Join(patterns, between)
}
