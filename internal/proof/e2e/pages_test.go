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

// The commands of the README and of the pages for newcomers work. Each page is followed
// from top to bottom in an empty folder. Every command runs as it stands there, and
// prints what stands there, apart from its numbers. The flag -pages says where the
// pages are. The emostream on the PATH is run, and it takes the ports that the pages
// name. The sections of docs/access.md are followed one by one, each in a folder of its
// own: each sets up an installation.
func TestPages(t *testing.T) {
	if *pages == "" {
		t.Skip("takes fixed ports: make test-pages")
	}
	for _, name := range []string{"README.md", "docs/getting-started.md", "docs/load-tests.md", "docs/access.md"} {
		t.Run(filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(*pages, name))
			if err != nil {
				t.Fatal(err)
			}
			all := typed(t, string(text))
			if len(all) < 5 {
				t.Fatalf("%d commands were found", len(all))
			}
			if _, err := os.Stat(filepath.Join(*pages, "go.mod")); err != nil {
				for i := range all {
					all[i].text = strings.Replace(all[i].text, fromSource, "emostream", 1)
				}
			}
			if name != "docs/access.md" {
				newReader(t).follow(all)
				return
			}
			for section := range strings.SplitSeq(string(text), "\n## ") {
				if all := typed(t, section); len(all) > 0 {
					newReader(t).follow(all)
				}
			}
		})
	}
}

// command is a command of a page, with the lines that it prints according to the page.
type command struct {
	text   string
	prints []string
}

// typed returns the commands of a page: all lines of its sh blocks, and the lines after
// a $ in its console blocks.
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

// fromSource begins commands that run the program in a clone of the repository. If the
// pages come without the source, as in a release, emostream is run instead.
const fromSource = "go run ./cmd/emostream"

// inShell returns the command line for a shell in another folder.
func (c command) inShell() string {
	if strings.HasPrefix(c.text, fromSource) {
		return fmt.Sprintf("cd %q && %s", *pages, c.text)
	}
	return c.text
}

// lasting are the commands that go on while others are typed.
var lasting = []way{
	{fromSource + " up", "ready http://", 1, false}, // go run exits with 1 whenever it is interrupted
	{"emostream up", "ready http://", 0, false},
	{"emostream tui", "● live sub", 0, false},
	{"emostream watch", "watching sub", 0, false},
	{"curl -sN ", "event: swarm", 130, false},
	{"timeout -s KILL ", "claimed partitions", 137, true},
	{"yes ", "", 0, true},
}

// way describes a command that goes on. begins is how its line begins, shows what the
// terminal shows once it works, code its exit code. ends says that it ends by itself.
type way struct {
	begins, shows string
	code          int
	ends          bool
}

// reader follows a page in a home folder of its own, and keeps the terminals of
// commands that go on.
type reader struct {
	t    *testing.T
	open []window
}

// window is a terminal with a command that goes on.
type window struct {
	command
	way
	*terminal
}

// ended waits until the command has ended with its exit code.
func (w window) ended() {
	w.t.Helper()
	w.terminal.shows(fmt.Sprintf("ended with %d", w.code))
}

func newReader(t *testing.T) *reader {
	t.Helper()
	home := t.TempDir()
	// Go finds its settings and caches below HOME, which is changed here, so their old
	// places are kept in the environment.
	for _, name := range []string{"GOENV", "GOCACHE", "GOMODCACHE"} {
		value, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv(name, strings.TrimSpace(string(value)))
	}
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "EMOSTREAM_") || strings.HasPrefix(name, "XDG_") {
			t.Setenv(name, "") // t.Setenv restores the variable when the test ends
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Setenv("EMOSTREAM_ALLOW_INVALID", "true") // this machine may be busy with other tests
	t.Setenv("HOME", home)
	t.Chdir(home)
	return &reader{t: t}
}

// follow runs all commands. At the end it stops those that go on, which by then have
// shown what the page says.
func (r *reader) follow(all []command) {
	for _, c := range all {
		if c.text == "make test" {
			continue // make test runs this test too
		}
		r.t.Log("$ ", c.text)
		if !r.goesOn(c) {
			r.run(c)
		}
	}
	// The last one is stopped first: up was the first, and the others need it.
	for _, w := range slices.Backward(r.open) {
		r.close(w)
	}
}

// goesOn runs a command in a terminal of its own if it is one of lasting, and says
// whether it is.
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

// run runs a command that ends, and compares what it prints with the page. Before that
// it waits for the commands in terminals that end by themselves.
func (r *reader) run(c command) {
	r.t.Helper()
	for _, w := range r.open {
		if w.ends {
			w.ended()
		}
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), 2*maxWait)
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

// close waits until a command that goes on has shown what the page says, and then stops
// it with ctrl+c.
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

// like returns a regular expression for the output that a page shows. A number other
// than 0 stands for any number, … for any text, and a line that is only … for any
// lines. A line of watch stands for any line of watch, since what a window holds
// depends on when it ended.
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
