package settingsfile_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/settingsfile"
)

// describe lists the names and values of a section with their positions.
func describe(s settingsfile.Section, in string) string {
	var b strings.Builder
	for _, v := range s.Settings {
		values := fmt.Sprintf("%q", v.Values)
		switch {
		case v.Empty:
			values = "nothing"
		case !v.List:
			values = fmt.Sprintf("%q", v.Values[0])
		}
		fmt.Fprintf(&b, "%d:%d %s%s = %s at %d:%d\n", v.At.Line, v.At.Column, in, v.Name, values, v.ValueAt.Line, v.ValueAt.Column)
	}
	for _, sub := range s.Sections {
		fmt.Fprintf(&b, "%d:%d %s%s\n%s", sub.At.Line, sub.At.Column, in, sub.Name, describe(sub, in+sub.Name+"."))
	}
	return b.String()
}

func TestParse(t *testing.T) {
	for _, tt := range []struct{ what, text, want string }{
		{"nothing", "", ""},
		{"comments alone", "# a\n\n# b\n", ""},
		{"a section of settings", "serve:\n  linger: 2ms # short\n  max-batch: 10_000\n", `
1:1 serve
2:3 serve.linger = "2ms" at 2:11
3:3 serve.max-batch = "10_000" at 3:14
`},
		{"sections in a section", "bench:\n  rate: 1.5\n  compare: {fail-on: 5%}\n", `
1:1 bench
2:3 bench.rate = "1.5" at 2:9
3:3 bench.compare
3:13 bench.compare.fail-on = "5%" at 3:22
`},
		{"lists of both forms", "a:\n  x: [b:1, 'c']\n  y:\n    - d\n    - \"e f\"\n  z: []\n", `
1:1 a
2:3 a.x = ["b:1" "c"] at 2:6
3:3 a.y = ["d" "e f"] at 4:5
6:3 a.z = [] at 6:6
`},
		{"words that YAML takes for others", "a: {t: true, n: 0x10, i: .inf, s: 'true', e: \"\", d: 2026-01-02T03:04:05Z}\n", `
1:1 a
1:5 a.t = "true" at 1:8
1:14 a.n = "0x10" at 1:17
1:23 a.i = ".inf" at 1:26
1:32 a.s = "true" at 1:35
1:43 a.e = "" at 1:46
1:50 a.d = "2026-01-02T03:04:05Z" at 1:53
`},
		{"nothing behind a name", "serve:\n  # linger: 2ms\nup:\n  port:\n", `
1:1 serve = nothing at 1:7
3:1 up
4:3 up.port = nothing at 4:9
`},
		{"several lines", "a:\n  body: |\n    one\n    two\n", `
1:1 a
2:3 a.body = "one\ntwo\n" at 2:9
`},
		{"of another editor", "\ufeffa:\r\n  b: 1\r\n", `
1:1 a
2:3 a.b = "1" at 2:6
`},
		{"an emoji", "serve:\n  emojis: [🔥, ':tada:']\n", `
1:1 serve
2:3 serve.emojis = ["🔥" ":tada:"] at 2:11
`},
	} {
		t.Run(tt.what, func(t *testing.T) {
			s, err := settingsfile.Parse("f.yaml", []byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.TrimPrefix(tt.want, "\n"), describe(s, "")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct{ what, text, want string }{
		{"a name that is there twice", "a:\n  b: 1\n  b: 2\n", `f.yaml:3:3: mapping key "b" already defined at [2:3]`},
		{"a tab", "a:\n\tb: 1\n", "f.yaml:2:1: a tab: YAML indents with spaces"},
		{"a list that does not end", "a: [1\n", "f.yaml:1:4: sequence end token ']' not found"},
		{"a list of all", "- a\n", `f.yaml:1:1: want sections of settings, like "serve:"`},
		{"text", "serve\n", "f.yaml:1:1: want sections of settings"},
		{"a list of sections", "a:\n  - b: 1\n", "f.yaml:2:6: want one value here, or a list"},
		{"a list in a list", "a: [[b]]\n", "f.yaml:1:5: want one value here, or a list"},
		{"an anchor", "a: &x 1\nb: 2\n", "f.yaml:1:4: anchors, aliases and tags"},
		{"an alias", "a: {b: &x 1}\nc: *x\n", "anchors, aliases and tags"},
		{"a tag", "a: !!str 1\n", "f.yaml:1:4: anchors, aliases and tags"},
		{"a merge", "a: {b: 1}\nc:\n  <<: 2\n", "f.yaml:3:3: <<: merging is not supported"},
		{"two documents", "a: 1\n---\nb: 2\n", "f.yaml:3:2: a second document"},
		{"other bytes", "a: \xff\n", "f.yaml is not UTF-8"},
		{"UTF-16", "\xff\xfea\x00:\x00", "f.yaml: it is UTF-16, and UTF-8 is wanted"},
		{"too much", "a: " + strings.Repeat("x", settingsfile.MaxSize), "f.yaml is larger than 65536 bytes"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			s, err := settingsfile.Parse("f.yaml", []byte(tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %s\n%s", err, tt.want, describe(s, ""))
			}
		})
	}
}

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.yaml")
	if _, err := settingsfile.Read(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v where there is no file", err)
	}
	if err := os.WriteFile(path, []byte("a: {b: 1}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := settingsfile.Read(path)
	if err != nil || s.At.File != path || len(s.Sections) != 1 || s.Sections[0].Settings[0].At.String() != path+":1:5" {
		t.Errorf("%+v, %v", s, err)
	}
	if err := os.WriteFile(path, make([]byte, settingsfile.MaxSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := settingsfile.Read(path); err == nil {
		t.Error("a file of any size is read")
	}
}

// Every text gives sections, or an error of one line.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"serve:\n  linger: 2ms\nbench:\n  compare: {fail-on: 5%}\n", "a: [1, 'x', \"\\n\"]\nb: |\n  x\n", "a:\n- b\n- c: d\n",
		"a: &x 1\nb: *x\n", "%YAML 1.2\n---\na: 1\n...\n", "? a\n: b\n", "a: !!str 1\n", "\"a\": 'b' # c\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := settingsfile.Parse("f.yaml", text)
		if err != nil && strings.ContainsAny(err.Error(), "\n") {
			t.Errorf("an error of several lines: %q", err)
		}
		describe(s, "")
	})
}
