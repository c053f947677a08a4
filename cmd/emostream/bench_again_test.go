package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/emostream/emostream/internal/settingsfile"
	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/loadgen/report"
)

// values returns what each flag that a report keeps is set to.
func values(cmd *cobra.Command) map[string][]string {
	all := map[string][]string{}
	for _, f := range flagsOf(cmd) {
		if list, ok := f.Value.(pflag.SliceValue); ok && inReport(f) {
			all[f.Name] = append([]string{}, list.GetSlice()...)
		} else if inReport(f) {
			all[f.Name] = []string{f.Value.String()}
		}
	}
	return all
}

// anyValue returns a value that a flag takes.
func anyValue(t *testing.T, f *pflag.Flag, rng *rand.Rand) string {
	t.Helper()
	words := []string{
		"", "a", "lost==0", "ack_p99<50ms", "a,b", " a ", "- b", "true", "5", `{"a":"{{marker}}","b":[1]}`, "a: b # c", "'\"\\", "\x1b[31m\u202e\u2028",
		"one\ntwo\n", "🔥", "http://h/?a=b@c", "https://ann:${PASSWORD}@h/{{user}}", "@body.json", "(x|y)(hidden)z", strings.Repeat("x", 3000), "\ufeff",
	}
	candidates := map[string][]string{
		"bool": {"true", "false"}, "int": {"0", "1", "64", "-3", "1000000"}, "uint64": {"0", "7", "18446744073709551615", "0x10"},
		"float64": {"0", "0.1", "2000", "1e6", "1e-7", "+Inf"}, "duration": {"0s", "1ms", "90s", "1h0m0.5s", "-1s"},
		"intSlice": {"7", "1000000"}, "string": words, "stringArray": words, "stringSlice": {"a", " b c ", "x,y", "🔥"},
	}[f.Value.Type()]
	if f.Name == "header" { // what says where a secret is
		candidates = []string{"Authorization: Bearer ${TOKEN}", "X-A: @a.txt", "X-B: Token @b"}
	}
	if choice, ok := f.Value.(*enumFlag); ok {
		candidates = choice.allowed
	}
	if candidates == nil {
		t.Fatalf("--%s is a %s: say here what such a flag takes", f.Name, f.Value.Type())
	}
	return candidates[rng.IntN(len(candidates))]
}

// anyBench sets any flags of bench to any values: on the command line, in the
// environment, in the settings file and in a scenario.
func anyBench(t *testing.T, rng *rand.Rand) *cobra.Command {
	t.Helper()
	s := newSchema()
	var args []string
	env := map[string]string{}
	scenario := report.Scenario{}
	own := settingsfile.Section{Name: "bench"}
	for _, f := range flagsOf(s.child(s.root, "bench")) {
		if !inReport(f) {
			continue
		}
		_, isList := f.Value.(pflag.SliceValue)
		vs := []string{anyValue(t, f, rng)}
		if isList {
			for range rng.IntN(3) {
				vs = append(vs, anyValue(t, f, rng))
			}
		}
		switch rng.IntN(8) {
		case 0, 1:
			for _, v := range vs {
				args = append(args, "--"+f.Name+"="+v)
			}
		case 2:
			env[variable(f.Name)] = vs[0]
		case 3:
			own.Settings = append(own.Settings, settingsfile.Setting{Name: f.Name, Values: vs, List: isList})
		case 4, 5:
			var v any = vs[0]
			if isList {
				v = vs
			}
			if err := scenario.Set(f.Name, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	if rng.IntN(2) == 0 {
		args = append(args, "--again", reportFile(t, scenario))
	}
	cmd, err := parsedBench(args, env, settingsfile.Section{Sections: []settingsfile.Section{own}}, "")
	if err != nil {
		t.Fatalf("%v\n%q\n%q\n%v", err, args, env, own)
	}
	return cmd
}

// reportFile writes the report of a run with a scenario.
func reportFile(t *testing.T, s report.Scenario) string {
	t.Helper()
	r := fabricated("left", map[string]int{"overhead": 1, "rate": 1})
	r.Scenario = s
	path := filepath.Join(t.TempDir(), "run.json")
	if err := report.WriteFile(path, r, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

// A run that is repeated from its report has the same settings, wherever each came from,
// and whatever the environment and the settings file say by then.
func TestAgainIsTheSame(t *testing.T) {
	t.Parallel()
	for seed := range uint64(25) {
		rng := rand.New(rand.NewPCG(seed, 1))
		cmd := anyBench(t, rng)
		s, err := scenarioOf(cmd)
		if err != nil {
			t.Fatal(err)
		}
		elsewhere := map[string]string{"EMOSTREAM_RATE": "7", "EMOSTREAM_BURST": "1s:1", "EMOSTREAM_POST_URL": "http://other", "EMOSTREAM_THRESHOLD": "lost==9"}
		file := settingsfile.Section{Sections: []settingsfile.Section{{Name: commonSection, Settings: []settingsfile.Setting{{Name: "server", Values: []string{"http://common"}}}}}}
		again, err := parsedBench([]string{"--again", reportFile(t, s)}, elsewhere, file, "")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(values(cmd), values(again)); diff != "" {
			t.Fatalf("seed %d: -was +is\n%s", seed, diff)
		}
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		file = settingsfile.Section{}
		if again, err = parsedBench([]string{"--scenario", "-"}, nil, file, string(text)); err != nil {
			t.Fatalf("as a scenario file: %v\n%s", err, text)
		}
		if diff := cmp.Diff(values(cmd), values(again)); diff != "" {
			t.Fatalf("seed %d: as a scenario file: -was +is\n%s", seed, diff)
		}
		twice, err := scenarioOf(again)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, twice); diff != "" {
			t.Fatalf("seed %d: the scenario was kept otherwise: -was +is\n%s", seed, diff)
		}
	}
}

// configOf returns the configuration of a run of bench.
func configOf(args []string, env map[string]string, file settingsfile.Section, stdin string) (loadgen.Config, *cobra.Command, error) {
	root, cmd := &cobra.Command{Use: "emostream"}, &cobra.Command{Use: "bench"}
	root.AddCommand(cmd)
	root.SetIn(strings.NewReader(stdin))
	var f benchFlags
	f.add(cmd)
	s := settings{func(name string) (string, bool) { v, ok := env[name]; return v, ok }, file}
	if err := errors.Join(cmd.ParseFlags(args), s.apply(cmd), applyScenario(cmd)); err != nil {
		return loadgen.Config{}, nil, err
	}
	cfg, err := f.config(given(cmd), toldHere(cmd))
	cfg.Variable, cfg.TLS = nil, nil // cannot be compared
	return cfg, cmd, err
}

// A run that is repeated has the same configuration, however flags that exclude each other
// were set.
func TestAgainIsTheSameRun(t *testing.T) {
	t.Parallel()
	recorded := filepath.Join(t.TempDir(), "crowd.jsonl")
	if err := os.WriteFile(recorded, []byte(`{"user_id":"ann","emoji_type":"🔥","timestamp":"2026-11-25T09:30:00.000Z"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	values := [][2]string{
		{"rate", "5"},
		{"rate", "0"},
		{"rate", "100"},
		{"stages", "1s:5"},
		{"burst", "1s:5"},
		{"server", "http://127.0.0.1:1"},
		{"server", defaultServer},
		{"post-url", "http://127.0.0.1:2"},
		{"stream-url", "http://127.0.0.1:3"},
		{"find-max", "true"},
		{"users", "7"},
		{"replay", recorded},
		{"warm-up", "1s"},
		{"channels", "2"},
	}
	runs := 0
	for seed := range uint64(600) {
		rng := rand.New(rand.NewPCG(seed, 2))
		var args []string
		env, own, scenario := map[string]string{}, settingsfile.Section{Name: "bench"}, ""
		for _, i := range rng.Perm(len(values))[:rng.IntN(6)] {
			switch name, value := values[i][0], values[i][1]; rng.IntN(4) {
			case 0:
				args = append(args, "--"+name+"="+value)
			case 1:
				env[variable(name)] = value
			case 2:
				own.Settings = append(own.Settings, settingsfile.Setting{Name: name, Values: []string{value}})
			case 3:
				if !strings.Contains(scenario, name) {
					scenario += name + ": " + value + "\n"
				}
			}
		}
		if scenario != "" {
			args = append(args, "--scenario=-")
		}
		was, cmd, err := configOf(args, env, settingsfile.Section{Sections: []settingsfile.Section{own}}, scenario)
		if err != nil {
			continue // there is no run, and no report
		}
		runs++
		s, err := scenarioOf(cmd)
		if err != nil {
			t.Fatal(err)
		}
		is, _, err := configOf([]string{"--again", reportFile(t, s)}, env, settingsfile.Section{}, "")
		if diff := cmp.Diff(was, is, cmpopts.EquateEmpty(), cmp.Exporter(func(reflect.Type) bool { return true })); err != nil || diff != "" {
			t.Fatalf("%v\n%q, %v, %v, %q is kept as %s\n%s", err, args, env, own, scenario, s, diff)
		}
	}
	if runs < 200 {
		t.Errorf("%d runs", runs)
	}
}

// A merged report is of several runs, and none of them is repeated.
func TestAgainRefusesMerged(t *testing.T) {
	r := fabricated("left", map[string]int{"overhead": 1, "rate": 1})
	r.Parts = []string{"a", "b"}
	path := filepath.Join(t.TempDir(), "both.json")
	if err := report.WriteFile(path, r, nil); err != nil {
		t.Fatal(err)
	}
	_, err := parsedBench([]string{"--again", path}, nil, settingsfile.Section{}, "")
	if err == nil || !strings.Contains(err.Error(), "both.json: it was merged from 2 runs: give the report of one of them") {
		t.Error(err)
	}
}

// A report holds no secrets. They are asked for when its run is repeated, and may come from
// anywhere.
func TestReportsHoldNoSecrets(t *testing.T) {
	const url = "http://ann:hunter2@127.0.0.1:1/pub"
	cmd, err := parsedBench([]string{"--post-url", url, "--rate", "5"}, nil, settingsfile.Section{}, "")
	if err != nil {
		t.Fatal(err)
	}
	s, err := scenarioOf(cmd)
	if err != nil {
		t.Fatal(err)
	}
	path := reportFile(t, s)
	if written, err := os.ReadFile(path); err != nil || bytes.Contains(written, []byte("hunter2")) || !bytes.Contains(written, []byte("http://…@127.0.0.1:1/pub")) {
		t.Errorf("%v\n%s", err, written)
	}
	_, err = parsedBench([]string{"--again", path}, nil, settingsfile.Section{}, "")
	if err == nil || !strings.Contains(err.Error(), "a report holds no secrets: give --post-url with the user and password of http://…@127.0.0.1:1/pub") {
		t.Error(err)
	}
	for _, given := range []struct {
		args []string
		env  map[string]string
	}{{[]string{"--post-url", url}, nil}, {nil, map[string]string{"EMOSTREAM_POST_URL": url}}} {
		again, err := parsedBench(append(given.args, "--again", path), given.env, settingsfile.Section{}, "")
		if err != nil || !cmp.Equal(values(again), values(cmd)) {
			t.Errorf("%v: %s", err, cmp.Diff(values(cmd), values(again)))
		}
	}
	if _, err := parsedBench([]string{"--again", path, "--server", "http://127.0.0.1:2"}, nil, settingsfile.Section{}, ""); err != nil {
		t.Errorf("another target needs no secret: %v", err)
	}
}

// Of the values of a list of secrets the report keeps the names, and all of them must be
// given again.
func TestListOfSecrets(t *testing.T) {
	cmd := &cobra.Command{Use: "x"}
	header := cmd.Flags().StringArray("header", nil, "")
	f := cmd.Flags().Lookup("header")
	for _, tt := range []struct{ value, kept string }{
		{"Authorization: Bearer a:b=c", "Authorization: (hidden)"}, {"X:y", "X: (hidden)"}, {"X: ${Y}", "X: ${Y}"}, {"nothing", "(hidden)"}, {"", ""},
	} {
		if got := redacted(f, tt.value); got != tt.kept {
			t.Errorf("%q is kept as %q, want %q", tt.value, got, tt.kept)
		}
	}
	s := report.Scenario{}
	if err := s.Set("header", []string{"Authorization: (hidden)", "X-Key: (hidden)"}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ given, missing []string }{
		{nil, []string{"--header 'Authorization: …'", "--header 'X-Key: …'"}},
		{[]string{"authorization: b"}, []string{"--header 'X-Key: …'"}},
		{[]string{"X-Key: b", "Authorization: c", "More: d"}, nil},
	} {
		*header = tt.given
		if missing := addSecrets(cmd, "header", s); !slices.Equal(missing, tt.missing) || len(missing) == 0 && !slices.Equal(*header, tt.given) {
			t.Errorf("with %q %q is missing, and it is %q", tt.given, missing, *header)
		}
	}
}
