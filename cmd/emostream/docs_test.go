package main

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var pagesRoot = flag.String("pages", filepath.Join("..", ".."), "the folder with README.md and docs, whose links and commands are tested")

// pages returns the pages of the documentation, by their paths.
func pages(t *testing.T) map[string]string {
	t.Helper()
	root := *pagesRoot
	pages := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "deploy/*.md", ".github/*.md", ".github/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			name, err := filepath.Rel(root, path)
			if err != nil {
				t.Fatal(err)
			}
			pages[filepath.ToSlash(name)] = string(text)
		}
	}
	if len(pages) < 5 {
		t.Fatalf("%d pages were found", len(pages))
	}
	return pages
}

// Every command on a page of the documentation exists, and has the flags that it is
// given.
func TestPagesNameCommands(t *testing.T) {
	block := regexp.MustCompile("(?ms)^ *```(sh|console|bash)\n(.*?)^ *```$")
	// command matches up to a comment, a pipe or another command. An ellipsis in it
	// stands for a value that is left out.
	const command = `emostream ((?:'[^']*'|"[^"]*"|[^` + "`" + `#|&>;\n'"])*)`
	entered := regexp.MustCompile(`(?m)(?:^ *(?:\$ )?(?:[A-Z_]+=\S+ |timeout (?:-\S+ \S+ )?\S+ |go run \./cmd/)*|[|;&] *)` + command)
	within := regexp.MustCompile("`" + command + "`")
	n := 0
	for page, text := range pages(t) {
		var named []string
		for _, b := range block.FindAllStringSubmatch(text, -1) {
			for _, m := range entered.FindAllStringSubmatch(strings.ReplaceAll(b[2], "\\\n", ""), -1) {
				named = append(named, m[1])
			}
		}
		for _, m := range within.FindAllStringSubmatch(block.ReplaceAllString(text, ""), -1) {
			named = append(named, m[1])
		}
		for _, line := range named {
			line = strings.TrimSpace(strings.ReplaceAll(line, "…", "1"))
			args := words(line)
			cmd, rest, err := newRoot(streams{}).Find(args)
			if err == nil && cmd.HasParent() {
				err = cmd.ParseFlags(rest)
			}
			if err != nil || !cmd.HasParent() && !strings.HasPrefix(line, "-") {
				t.Errorf("%s: emostream %s: %v", page, line, err)
			}
			n++
		}
	}
	if n < 80 {
		t.Errorf("%d commands were found", n)
	}
}

// words splits a line into words as a shell does, without escapes and variables.
func words(line string) (args []string) {
	for _, m := range regexp.MustCompile(`'([^']*)'|"([^"]*)"|(\S+)`).FindAllStringSubmatch(line, -1) {
		args = append(args, m[1]+m[2]+m[3])
	}
	return args
}

// Every make target that a page names exists. CONTRIBUTING.md lists all of them, in the
// groups and in the order of the Makefile.
func TestPagesNameTargets(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	var listed, all []string
	for _, m := range regexp.MustCompile(`(?m)^##@ (.*)$|^([a-z0-9-]+):.*## `).FindAllStringSubmatch(string(text), -1) {
		listed = append(listed, strings.ToLower(m[1])+m[2])
		all = append(all, m[2])
	}
	for page, text := range pages(t) {
		for _, m := range regexp.MustCompile("(?m)`make ((?:[a-z][a-z0-9-]*[ `])+)|^ *make ([a-z0-9-]+)").FindAllStringSubmatch(text, -1) {
			for name := range strings.FieldsSeq(strings.Trim(m[1], "`") + m[2]) {
				if !slices.Contains(all, name) {
					t.Errorf("%s: make %s: the Makefile lists no such target", page, name)
				}
			}
		}
	}
	text, err = os.ReadFile(filepath.Join("..", "..", "CONTRIBUTING.md"))
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, m := range regexp.MustCompile("(?m)^\\| ([A-Za-z ]+) \\| what \\| needs \\|$|^\\| `make ([a-z0-9-]+)` ").FindAllStringSubmatch(string(text), -1) {
		told = append(told, strings.ToLower(m[1])+m[2])
	}
	if !slices.Equal(told, listed) {
		t.Errorf("CONTRIBUTING.md tells of\n%q, the Makefile of\n%q", told, listed)
	}
}

// Every link between pages leads to a file and a heading that exist, and README.md
// links to every page of docs.
func TestPagesLink(t *testing.T) {
	all := pages(t)
	for page := range all {
		if strings.HasPrefix(page, "docs/") && !strings.Contains(all["README.md"], "]("+page+")") {
			t.Errorf("README.md: no link to %s", page)
		}
	}
	n := 0
	for page, text := range all {
		for _, m := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			n++
			path, anchor, _ := strings.Cut(m[1], "#")
			to := page
			if path != "" {
				to = filepath.ToSlash(filepath.Join(filepath.Dir(page), path))
			}
			if _, err := os.Stat(filepath.Join(*pagesRoot, to)); err != nil {
				t.Errorf("%s: a link to %s, which is not there", page, m[1])
			} else if anchor != "" && !slices.Contains(anchors(all[to]), anchor) {
				t.Errorf("%s: a link to %s, which has no such heading", page, m[1])
			}
		}
	}
	if n < 10 {
		t.Errorf("%d links were found", n)
	}
}

// anchors returns the anchors of a page's headings.
func anchors(page string) (all []string) {
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(page, -1) {
		name := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		all = append(all, strings.ReplaceAll(name, " ", "-"))
	}
	return all
}
