package simulation_test

import (
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A patch still applies when names change, lines are broken elsewhere, or code around
// it moves. It fails if its old code is not there or stands there twice, or if the
// result does not compile.
func TestPatchFindsWhatItNames(t *testing.T) {
	const code = `
type counter struct{ sum, last int }

func (c *counter) add(n int) bool {
	if n > c.last {
		c.last = n
		return true
	}
	c.sum += n
	return false
}`
	renamed := regexp.MustCompile(`\bn\b`).ReplaceAllString(regexp.MustCompile(`\bc\b`).ReplaceAllString(code, "it"), "value")
	for name, tt := range map[string]struct {
		code, in, old, new string
		want               string // part of the result; empty if the patch must fail
	}{
		"an expression":                   {code, "p.counter.add", "$n > $c.last", "$n >= $c.last", "if n >= c.last {"},
		"other names":                     {renamed, "p.counter.add", "$n > $c.last", "$n >= $c.last", "if value >= it.last {"},
		"other line breaks":               {strings.ReplaceAll(code, "n > c", "n >\n\tc"), "p.counter.add", "$n > $c.last", "$n >= $c.last", "if n >= c.last {"},
		"a statement":                     {code, "p.counter.add", "$c.sum += $n", "$c.sum += 2 * $n", "c.sum += 2 * n"},
		"statements in a row":             {code, "p.counter.add", "$a = $n\nreturn true", "$a = $n", "c.last = n\n\t}"},
		"a statement that stands for any": {code, "p.counter.add", "$any\nreturn false", "return false", "}\n\treturn false"},
		"a name for two things":           {code, "p.counter.add", "$n > $n.last", "true", ""},
		"what stands there twice":         {code, "p.counter.add", "return $any", "return true", ""},
		"what is not there":               {code, "p.counter.add", "$n < $c.last", "true", ""},
		"another function":                {code, "p.counter.sub", "$n > $c.last", "true", ""},
		"a result that does not compile":  {code, "p.counter.add", "$n > $c.last", "unknown", ""},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			if err := os.Mkdir(filepath.Join(root, "p"), 0o700); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(root, "p", "some.go")
			if err := os.WriteFile(file, []byte("package p\n"+tt.code), 0o600); err != nil {
				t.Fatal(err)
			}
			path, got, err := (&source{root: root, fset: token.NewFileSet()}).apply(patch{tt.in, tt.old, tt.new})
			switch {
			case tt.want == "" && err == nil:
				t.Errorf("applied, and made:\n%s", got)
			case tt.want != "" && (err != nil || path != file || !strings.Contains(got, tt.want)):
				t.Errorf("%s: %v, want %q in it:\n%s", path, err, tt.want, got)
			}
		})
	}
}
