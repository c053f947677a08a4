package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/emostream/emostream/internal/settingsfile"
)

// parsedBench returns bench with its flags set as a run of it would, and what it finds
// wrong.
func parsedBench(args []string, env map[string]string, file settingsfile.Section, stdin string) (*cobra.Command, error) {
	root := newRoot(streams{})
	root.SetIn(strings.NewReader(stdin))
	cmd, _, err := root.Find([]string{"bench"})
	if err != nil {
		return nil, err
	}
	if err := cmd.ParseFlags(args); err != nil {
		return nil, err
	}
	s := settings{func(name string) (string, bool) { v, ok := env[name]; return v, ok }, file}
	if err := s.apply(cmd); err != nil {
		return nil, err
	}
	return cmd, applyScenario(cmd)
}

// What is stronger wins, also over its alternatives.
func TestScenarioPrecedence(t *testing.T) {
	for _, tt := range []struct{ what, args, env, scenario, want string }{
		{"the scenario", "", "", "rate: 5\nthreshold: lost==0\n", "rate 5; threshold lost==0"},
		{"over the environment", "", "EMOSTREAM_RATE=7 EMOSTREAM_THRESHOLD=gaps==0", "rate: 5\nthreshold: [lost==0, gaps==1]\n", "rate 5; threshold lost==0 gaps==1"},
		{"beside the environment", "", "EMOSTREAM_USERS=7", "rate: 5\n", "rate 5; users 7"},
		{"the command line", "--rate 9 --threshold gaps==0", "", "rate: 5\nthreshold: [lost==0]\nusers: 3\n", "rate 9; threshold gaps==0; users 3"},
		{"an alternative on the command line", "--stages 1s:1", "", "rate: 5\nusers: 3\n", "stages 1s:1; users 3"},
		{"another service on the command line", "--post-url http://a", "", "server: http://b\n", "post-url http://a"},
		{"an alternative in the environment", "", "EMOSTREAM_STAGES=1s:1 EMOSTREAM_POST_URL=http://a", "burst: 1s:2\nserver: http://b\n", "burst 1s:2; server http://b"},
		{"alternatives in the environment and on the command line", "--rate 3", "EMOSTREAM_STAGES=1s:1", "", "rate 3"},
		{"a list that the scenario empties", "", "EMOSTREAM_THRESHOLD=gaps==0", "threshold: []\n", ""},
		{"what is at its default", "", "EMOSTREAM_RATE=7", "rate: 100\n", ""},
	} {
		t.Run(tt.what, func(t *testing.T) {
			env := map[string]string{"EMOSTREAM_SCENARIO": "-"}
			for v := range strings.FieldsSeq(tt.env) {
				name, value, _ := strings.Cut(v, "=")
				env[name] = value
			}
			cmd, err := parsedBench(strings.Fields(tt.args), env, settingsfile.Section{}, tt.scenario)
			if err != nil {
				t.Fatal(err)
			}
			var told []string
			for _, f := range flagsOf(cmd) {
				if inReport(f) && differs(f) {
					told = append(told, f.Name+" "+strings.Join(values(cmd)[f.Name], " "))
				}
			}
			if got := strings.Join(told, "; "); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

// Flags that contradict each other in one scenario are refused, as they are on the command
// line.
func TestScenarioContradicts(t *testing.T) {
	for _, scenario := range []string{"rate: 5\nstages: 1s:5\n", "server: http://127.0.0.1:1\npost-url: http://127.0.0.1:1\n", "rate: 0\nfind-max: true\n"} {
		var out, errs bytes.Buffer
		code := execute(t.Context(), streams{in: strings.NewReader(scenario), out: &out, err: &errs}, []string{"bench", "--scenario", "-"})
		if code != exitUsage {
			t.Errorf("%q: exit code %d\n%s", scenario, code, errs.String())
		}
	}
}

// What says nothing beside the others is refused on the command line and in a scenario, but
// not if it is meant for other runs: in the environment, or in a scenario whose rate the
// command line replaces.
func TestFlagsOfOtherRuns(t *testing.T) {
	for _, tt := range []struct {
		args, environ, scenario string
		refused                 bool
	}{
		{"--stages 1s:5 --duration 9s", "", "", true},
		{"--duration 9s", "", "stages: 1s:5\n", true},
		{"", "", "stages: 1s:5\nduration: 9s\n", true},
		{"--stages 1s:5", "", "rate: 5\nduration: 9s\n", false},
		{"--stages 1s:5", "EMOSTREAM_DURATION=9s", "rate: 5\n", false},
		{"--post-url http://127.0.0.1:1", "EMOSTREAM_LISTENERS=9", "", false},
		{"", "", "post-url: http://127.0.0.1:1\nlisteners: 9\n", true},
		{"--start-at 2020-01-01T00:00:00Z", "", "", true},
		{"", "EMOSTREAM_START_AT=2020-01-01T00:00:00Z", "", false},
	} {
		var args []string
		if tt.scenario != "" {
			args = []string{"--scenario", "-"}
		}
		environ := map[string]string{}
		if name, value, ok := strings.Cut(tt.environ, "="); ok {
			environ[name] = value
		}
		if _, _, err := configOf(append(args, strings.Fields(tt.args)...), environ, settingsfile.Section{}, tt.scenario); (err != nil) != tt.refused {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}

// A scenario of another editor is read, or its encoding is named.
func TestScenarioOfAnotherEditor(t *testing.T) {
	cmd, err := parsedBench([]string{"--scenario", "-"}, nil, settingsfile.Section{}, "\ufeffrate: 5\r\nusers: 7\r\n")
	if err != nil || values(cmd)["rate"][0] != "5" || values(cmd)["users"][0] != "7" {
		t.Error(err)
	}
	_, err = parsedBench([]string{"--scenario", "-"}, nil, settingsfile.Section{}, "\xff\xfer\x00:\x00")
	if err == nil || !strings.Contains(err.Error(), "stdin: it is UTF-16, and UTF-8 is wanted") {
		t.Error(err)
	}
}

// What bench init writes sets every flag in its group, and with everything set to its
// default it is the default.
func TestScenarioTemplate(t *testing.T) {
	text := scenarioTemplate(newSchema(), "-")
	for _, heading := range scenarioGroups() {
		if !strings.Contains(text, "# "+heading+"\n") {
			t.Errorf("no flag begins the group %q", heading)
		}
	}
	var all strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "# ") {
			line = line[1:]
		}
		all.WriteString(line)
	}
	for what, scenario := range map[string]string{"as it is": text, "with everything set": all.String()} {
		cmd, err := parsedBench([]string{"--scenario", "-"}, nil, settingsfile.Section{}, scenario)
		if err != nil {
			t.Fatalf("%s: %v\n%s", what, err, scenario)
		}
		if what == "as it is" {
			continue
		}
		for _, f := range flagsOf(cmd) {
			_, usual := usualSettings()[f.Name]
			if inScenario(f) && (originOf(f).Kind != fromScenario || differs(f) && !usual) {
				t.Errorf("--%s is %s, by %s", f.Name, f.Value, fmt.Sprint(originOf(f)))
			}
		}
	}
}

// All lists of bench are empty by default, which unset relies on.
func TestListsOfBenchAreEmpty(t *testing.T) {
	s := newSchema()
	for _, f := range flagsOf(s.child(s.root, "bench")) {
		if _, isList := f.Value.(pflag.SliceValue); isList && f.DefValue != "[]" {
			t.Errorf("--%s is %s by default", f.Name, f.DefValue)
		}
	}
}
