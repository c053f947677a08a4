package contract_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/emostream/emostream/internal/proof/contract"
)

var update = flag.Bool("update", false, "records openapi.yaml and asyncapi.yaml as they are, if their versions say how they have changed")

// version is the version of a document.
type version struct{ major, minor, patch int }

func versionOf(t *testing.T, text []byte) (v version) {
	t.Helper()
	var d struct{ Info struct{ Version string } }
	if err := yaml.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	if n, err := fmt.Sscanf(d.Info.Version, "%d.%d.%d", &v.major, &v.minor, &v.patch); n != 3 || err != nil {
		t.Fatalf("version %q: want it as in 1.2.3", d.Info.Version)
	}
	return v
}

// says says whether a document may change so between two versions.
func says(before, after version, c contract.Change) bool {
	switch c {
	case contract.Major:
		return after.major > before.major
	case contract.Minor:
		return after.major > before.major || after.major == before.major && after.minor > before.minor
	}
	return after == before || after.major > before.major || after.major == before.major && (after.minor > before.minor || after.minor == before.minor && after.patch > before.patch)
}

// A document that has changed has another version: the first number if somebody may rely on
// what is gone or narrower, else the second. What was before is recorded in testdata.
func TestVersions(t *testing.T) {
	for _, name := range []string{"openapi.yaml", "asyncapi.yaml"} {
		recorded := filepath.Join("testdata", "recorded", name)
		now, err := os.ReadFile(filepath.Join("..", "..", "..", "server", "web", "static", name))
		if err != nil {
			t.Fatal(err)
		}
		before, err := os.ReadFile(recorded)
		if err != nil {
			t.Fatal(err)
		}
		d, err := contract.Compare(before, now)
		if err != nil {
			t.Fatal(err)
		}
		old, is := versionOf(t, before), versionOf(t, now)
		switch {
		case !says(old, is, d.Change):
			t.Errorf("%s has changed, and its version %v does not say so, which was %v: %s. Raise the %s number", name, is, old, d.Place, []string{"last", "second", "first"}[d.Change])
		case *update && !bytes.Equal(before, now):
			if err := os.WriteFile(recorded, now, 0o600); err != nil {
				t.Fatal(err)
			}
		case d.Change != contract.Same || old != is:
			t.Errorf("%s has a new version: record it by go test ./internal/proof/contract -run Versions -update", name)
		}
	}
}

func TestCompare(t *testing.T) {
	const before = `
info: {version: 1.0.0}
paths:
  /a:
    get:
      parameters: [{name: q, in: query}]
      responses: {'200': {description: x, content: {application/json: {schema: {$ref: '#/components/schemas/A'}}}}}
components:
  schemas:
    A: {type: object, required: [x], properties: {x: {type: string, maxLength: 5}, description: {enum: [a, b]}}}
    ReactionToSend: {type: object, required: [x], properties: {x: {type: string}}}
`
	for name, tt := range map[string]struct {
		old, new string
		want     contract.Change
	}{
		"nothing":                               {"x", "x", contract.Same},
		"a text":                                {"description: x", "description: y", contract.Same},
		"another version":                       {"1.0.0", "1.1.0", contract.Same},
		"a field":                               {"description: {enum", "y: {type: number}, description: {enum", contract.Minor},
		"a field that is always there":          {"required: [x], properties: {x: {type: string, maxLength", "required: [x, y], properties: {y: {}, x: {type: string, maxLength", contract.Minor},
		"a field that must be sent":             {"required: [x], properties: {x: {type: string}}", "required: [x, y], properties: {y: {}, x: {type: string}}", contract.Major},
		"a field that need not be sent":         {"required: [x], properties: {x: {type: string}}", "required: [], properties: {x: {type: string}}", contract.Minor},
		"a field that is not always there":      {"required: [x], properties: {x: {type: string, maxLength", "required: [], properties: {x: {type: string, maxLength", contract.Major},
		"a field that is gone":                  {", description: {enum: [a, b]}", "", contract.Major},
		"a field of the name of a text":         {"description: {enum: [a, b]}", "description: {enum: [a]}", contract.Major},
		"a word":                                {"[a, b]", "[a, b, c]", contract.Minor},
		"words in another order":                {"[a, b]", "[b, a]", contract.Same},
		"a bound that is narrower":              {"maxLength: 5", "maxLength: 4", contract.Major},
		"a bound that is new":                   {"{type: string, maxLength: 5}", "{type: string, minLength: 1, maxLength: 5}", contract.Major},
		"another type":                          {"type: string, max", "type: number, max", contract.Major},
		"a status":                              {"{'200'", "{'404': {description: y}, '200'", contract.Minor},
		"a status that is gone":                 {"'200'", "'404'", contract.Major},
		"a header":                              {"{description: x,", "{description: x, headers: {A: {}},", contract.Minor},
		"a method":                              {"    get:", "    put: {responses: {}}\n    get:", contract.Minor},
		"a path":                                {"  /a:", "  /b: {}\n  /a:", contract.Minor},
		"a path that is gone":                   {"/a:", "/c:", contract.Major},
		"a parameter":                           {"[{name", "[{name: r, in: query}, {name", contract.Minor},
		"a parameter that must be there":        {"[{name", "[{name: r, in: query, required: true}, {name", contract.Major},
		"a parameter that is gone":              {"[{name: q, in: query}]", "[]", contract.Major},
		"something greater beside what is less": {"maxLength: 5}", "maxLength: 4}, y: {}", contract.Major},
	} {
		t.Run(name, func(t *testing.T) {
			after := strings.Replace(before, tt.old, tt.new, 1)
			if after == before && tt.old != tt.new {
				t.Fatal("nothing was replaced")
			}
			got, err := contract.Compare([]byte(before), []byte(after))
			if err != nil || got.Change != tt.want {
				t.Errorf("%v (%s), %v; want %v", got.Change, got.Place, err, tt.want)
			}
		})
	}
}

func TestVersionSays(t *testing.T) {
	at := version{1, 4, 2}
	for _, tt := range []struct {
		is version
		of [3]bool // same, minor, major
	}{
		{at, [3]bool{true, false, false}},
		{version{1, 4, 3}, [3]bool{true, false, false}},
		{version{1, 5, 0}, [3]bool{true, true, false}},
		{version{2, 0, 0}, [3]bool{true, true, true}},
		{version{1, 3, 9}, [3]bool{false, false, false}},
		{version{0, 9, 9}, [3]bool{false, false, false}},
	} {
		for c, want := range tt.of {
			if says(at, tt.is, contract.Change(c)) != want {
				t.Errorf("from %v to %v, change %v: %v", at, tt.is, c, !want)
			}
		}
	}
}
