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
	"time"
)

// The pages that newcomers follow are followed, each from top to bottom in an empty
// folder: every block of commands is typed as it stands there, and prints what stands
// there, apart from its numbers. The flag -pages says where the pages are; the emostream that is
// run is that of PATH. It takes the ports that the pages name.
func TestPages(t *testing.T) {
	if *pages == "" {
		t.Skip("takes fixed ports: make test-pages")
	}
	for _, name := range []string{"README.md", "docs/getting-started.md"} {
		t.Run(filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(*pages, name))
			if err != nil {
				t.Fatal(err)
			}
			all := typed(t, string(text))
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
func typed(t *testing.T, page string) (all []command) {
	t.Helper()
	for _, block := range regexp.MustCompile("(?ms)^```(sh|console)\n(.*?)^```$").FindAllStringSubmatch(page, -1) {
		text := strings.ReplaceAll(block[2], "\\\n", "")
		before := len(all)
		for line := range strings.Lines(text) {
			line = strings.TrimSpace(line)
			after, prompted := strings.CutPrefix(line, "$ ")
			switch {
			case line == "":
			case prompted == (block[1] == "console"):
				all = append(all, command{text: after})
			case block[1] == "console" && len(all) > before:
				last := &all[len(all)-1]
				last.prints = append(last.prints, line)
			default:
				t.Errorf("a block of %s has the line %q: want $ before each command of console, and before none of sh", block[1], line)
			}
		}
	}
	return all
}

// fromSource begins a command that runs the program in a clone of the repository. Who
// has the pages without the source has the program with them.
const fromSource = "go run ./cmd/emostream"

// inShell is a command as it is typed in a shell that is somewhere else.
func (c command) inShell() string {
	after, source := strings.CutPrefix(c.text, fromSource)
	if !source {
		return c.text
	}
	if _, err := os.Stat(filepath.Join(*pages, "go.mod")); err != nil {
		return "emostream" + after
	}
	return fmt.Sprintf("cd %q && %s", *pages, c.text)
}

// lasting are the beginnings of the commands beside which others are typed, what the
// terminal shows when they are under way, how they end, and whether they do so by
// themselves.
var lasting = []way{
	{fromSource + " up", "ready http://", 1, false}, // the code of go run whenever it is interrupted
	{"emostream up", "ready http://", 0, false},
	{"emostream tui", "● live sub", 0, false},
	{"emostream watch", "watching sub", 0, false},
	{"curl -sN ", "event: swarm", 130, false},
	{"timeout -s KILL ", "claimed partitions", 137, true},
	{"yes ", "", 0, true},
}

// way is how a command goes on.
type way struct {
	begins, shows string
	code          int
	ends          bool
}

// reader is someone who follows a page, with a home of their own.
type reader struct {
	t    *testing.T
	open []window
}

// window is a terminal in which a command goes on.
type window struct {
	command
	way
	*terminal
}

// ended waits until the command has.
func (w window) ended() {
	w.t.Helper()
	w.terminal.shows(fmt.Sprintf("ended with %d", w.code))
}

func newReader(t *testing.T) *reader {
	t.Helper()
	home := t.TempDir()
	// In another home Go must find the packages that it has fetched and built.
	for _, name := range []string{"GOENV", "GOCACHE", "GOMODCACHE"} {
		value, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv(name, strings.TrimSpace(string(value)))
	}
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
	return &reader{t: t}
}

// follow types all commands, and at the end stops those that go on: by then they
// have shown what the page says.
func (r *reader) follow(all []command) {
	for _, c := range all {
		if c.text == "make test" {
			continue // this test is part of it
		}
		r.t.Log("$ ", c.text)
		if !r.goesOn(c) {
			r.run(c)
		}
	}
	// up is the first, and what it serves is stopped before it.
	for _, w := range slices.Backward(r.open) {
		r.close(w)
	}
}

// goesOn types a command in a terminal of its own if others are typed beside it.
func (r *reader) goesOn(c command) bool {
	r.t.Helper()
	for _, l := range lasting {
		if strings.HasPrefix(c.text, l.begins) {
			term := openShell(r.t, 200, 50, "trap : INT; "+c.inShell()+`; echo "ended with $?"; exec cat`)
			term.shows(l.shows)
			r.open = append(r.open, window{c, l, term})
			return true
		}
	}
	return false
}

// run types a command that ends, when those that end by themselves have.
func (r *reader) run(c command) {
	r.t.Helper()
	for _, w := range r.open {
		if w.ends {
			w.ended()
		}
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), 2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", c.inShell())
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("%s: %v:\n%s", c.text, err, out)
	}
	if len(c.prints) > 0 && !regexp.MustCompile(`^\s*`+like(c.prints, `\s*\n\s*`)+`\s*$`).Match(out) {
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
	if !w.ends {
		w.press("C-c")
	}
	w.ended()
}

// like is a pattern of the lines that a page shows. Any number may stand where one
// above 0 stands, anything for a …, and any lines for a line of it; what a window of
// watch holds depends on when it ended.
func like(lines []string, between string) string {
	var patterns []string
	for _, line := range lines {
		p := regexp.QuoteMeta(line)
		p = regexp.MustCompile(`\d(?:(?:\\\.|,)?\d)*`).ReplaceAllStringFunc(p, func(n string) string {
			if n == "0" {
				return n
			}
			return `\d[\d.,]*`
		})
		p = regexp.MustCompile(`\s+`).ReplaceAllString(p, `\s+`)
		p = strings.ReplaceAll(p, "…", `.*`)
		if line == "…" {
			p = `(?s:.*)`
		}
		if regexp.MustCompile(`^\d\d:\d\d:\d\d .* \d+$`).MatchString(line) {
			p = `\d\d:\d\d:\d\d +\d+ .* \d+`
		}
		patterns = append(patterns, p)
	}
	return strings.Join(patterns, between)
}
