package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/settingsfile"
)

// settingsOf sets the flags of a command line as a run of the command would. It returns
// the values and the origins of some of them.
func settingsOf(t *testing.T, line string, env map[string]string, file string) (string, error) {
	t.Helper()
	parsed, err := settingsfile.Parse("f.yaml", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	cmd, args, err := newRoot(streams{}).Find(strings.Fields(line))
	if err != nil {
		t.Fatal(err)
	}
	cmd.InitDefaultHelpFlag()
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	s := settings{func(name string) (string, bool) { v, ok := env[name]; return v, ok }, parsed}
	if err := s.apply(cmd); err != nil {
		return "", err
	}
	var told []string
	for _, name := range []string{"window", "brokers", "partitions"} {
		if f := cmd.Flags().Lookup(name); f != nil {
			o := originOf(f)
			told = append(told, strings.TrimSpace(f.Value.String()+" "+o.Kind+" "+o.Where))
		}
	}
	if help, err := cmd.Flags().GetBool("help"); help || err != nil {
		t.Errorf("help was asked for by something else than the command line: %v", err)
	}
	return strings.Join(told, "; "), nil
}

// Flags win over the environment, which wins over the file, which wins over the
// default. In the file a command's own section wins over the common one.
func TestSettingsPrecedence(t *testing.T) {
	const file = "common: {window: 3s, brokers: ['d:4', 'e:5']}\naggregate:\n  window: 4s\ntopics:\n  partitions: 7\n  create:\n    partitions: 8\n"
	for _, tt := range []struct {
		what, line string
		env        map[string]string
		file, want string
	}{
		{"nothing", "aggregate", nil, "", "2s default; [localhost:9092] default"},
		{"the environment", "aggregate", map[string]string{"EMOSTREAM_WINDOW": "1s", "EMOSTREAM_BROKERS": "a:1,b:2"}, "", "1s environment EMOSTREAM_WINDOW; [a:1,b:2] environment EMOSTREAM_BROKERS"},
		{"the file", "aggregate", nil, file, "4s file f.yaml:3:11; [d:4,e:5] file f.yaml:1:31"},
		{"the common part of the file", "up", nil, file, "3s file f.yaml:1:18; [d:4,e:5] file f.yaml:1:31"},
		{"the environment and the file", "aggregate", map[string]string{"EMOSTREAM_WINDOW": "1s"}, file, "1s environment EMOSTREAM_WINDOW; [d:4,e:5] file f.yaml:1:31"},
		{"blanks in lists", "aggregate", map[string]string{"EMOSTREAM_BROKERS": " a:1, b:2 "}, "", "2s default; [a:1,b:2] environment EMOSTREAM_BROKERS"},
		{"blanks in a list of the file", "aggregate", nil, "common: {brokers: ['d:4', ' e:5']}\n", "2s default; [d:4,e:5] file f.yaml:1:19"},
		{"all of them", "aggregate --window 500ms --brokers c:3", map[string]string{"EMOSTREAM_WINDOW": "1s", "EMOSTREAM_BROKERS": "a:1"}, file, "500ms flag; [c:3] flag"},
		{"a flag that says the default", "aggregate --window 2s", map[string]string{"EMOSTREAM_WINDOW": "1s"}, file, "2s flag; [d:4,e:5] file f.yaml:1:31"},
		{"a list that is empty", "up", nil, "up: {brokers: []}\n", "2s default; [] file f.yaml:1:15"},
		{"a list in words", "aggregate", nil, "aggregate: {brokers: 'a:1,b:2'}\n", "2s default; [a:1,b:2] file f.yaml:1:22"},
		{"a command of a command", "topics create", nil, file, "[d:4,e:5] file f.yaml:1:31; 8 file f.yaml:7:17"},
		{"not the section around it", "topics create", nil, "topics: {partitions: 7}\n", "[localhost:9092] default; 4 default"},
		{"nonsense that a flag beats", "aggregate --window 500ms", map[string]string{"EMOSTREAM_WINDOW": "soon"}, "", "500ms flag; [localhost:9092] default"},
		{"what is asked for, never set", "aggregate", map[string]string{"WINDOW": "1s", "EMOSTREAM_HELP": "true"}, "aggregate: {help: true}\n", "2s default; [localhost:9092] default"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			if got, err := settingsOf(t, tt.line, tt.env, tt.file); err != nil || got != tt.want {
				t.Errorf("%q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

// All wrong variables of the environment are reported, by their names.
func TestWrongVariablesAreNamed(t *testing.T) {
	for _, tt := range []struct {
		what string
		env  map[string]string
		want []string
	}{
		{"no duration", map[string]string{"EMOSTREAM_WINDOW": "soon"}, []string{`EMOSTREAM_WINDOW="soon": want a duration like 500ms, 2s or 1m30s`}},
		{"two", map[string]string{"EMOSTREAM_RESET_LOST": "x", "EMOSTREAM_WINDOW": "y"}, []string{`EMOSTREAM_RESET_LOST="x": want true or false`, `EMOSTREAM_WINDOW="y"`}},
		{"no choice", map[string]string{"EMOSTREAM_LOG_LEVEL": "wran"}, []string{`EMOSTREAM_LOG_LEVEL="wran": use debug, info, warn or error (did you mean warn?)`}},
	} {
		t.Run(tt.what, func(t *testing.T) {
			_, err := settingsOf(t, "aggregate", tt.env, "")
			usage, ok := errors.AsType[*exitError](err)
			if !ok || usage.code != exitUsage {
				t.Fatalf("%v is not an error of usage", err)
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%v, want %s", err, part)
				}
			}
		})
	}
}

// All mistakes in a file are reported with line, column and name, and with what is
// allowed or was probably meant. That does not depend on which command reads the file.
func TestCheckFile(t *testing.T) {
	for _, tt := range []struct{ what, file, want string }{
		{"nothing", "", ""},
		{"sections without settings", "common:\nserve:\ntopics:\n  create:\n", ""},
		{"all kinds of values", "up: {port: 5050, ephemeral: true, window: 1s, scale: 'log:10', emojis: [🔥]}\nbench: {rate: 1.5, seed: 7}\n", ""},
		{"what every command has", "serve: {color: never, quiet: true}\n", ""},
		{"a slip in a name", "serve:\n  lingr: 2ms\n", `f.yaml:2:3: serve has no "lingr": did you mean linger?`},
		{"a slip in the name of a command", "srve: {linger: 2ms}\n", `f.yaml:1:1: there is no section or setting "srve" here: did you mean serve?`},
		{"a slip below a command", "topics:\n  craete: {partitions: 1}\n", `f.yaml:2:3: topics has no "craete": did you mean create?`},
		{"a slip in the common section", "common: {topic-prefx: x}\n", `f.yaml:1:10: common has no "topic-prefx": did you mean topic-prefix?`},
		{"another command's", "aggregate:\n  linger: 2ms\n", `f.yaml:2:3: aggregate has no "linger": it is a setting of serve and up: put it into such a section, or into common`},
		{"no section around it", "linger: 2ms\n", `f.yaml:1:1: linger stands outside of all sections, and is a setting of serve and up`},
		{"nothing like it", "watch: {frobnicate: 1}\n", `f.yaml:1:9: watch has no "frobnicate": it has cacert, channel, color, output, quiet, server, token-file, windows`},
		{"a command of the program itself", "version: {output: json}\n", `f.yaml:1:1: there is no section or setting "version" here: `},
		{"the file itself", "common: {config: x}\n", `f.yaml:1:10: common has no "config"`},
		{"a value of another kind", "serve:\n  linger: soon\n", `f.yaml:2:11: linger: "soon": want a duration like 500ms, 2s or 1m30s`},
		{"a number that is none", "up: {port: http}\n", `f.yaml:1:12: port: "http": want a whole number`},
		{"a number that is too large", "up: {port: 99999999999999999999}\n", `f.yaml:1:12: port: "99999999999999999999": that is out of range`},
		{"neither true nor false", "up: {ephemeral: perhaps}\n", `want true or false`},
		{"a slip in a choice", "common: {log-level: wran}\n", `f.yaml:1:21: log-level: "wran": use debug, info, warn or error (did you mean warn?)`},
		{"a choice of one command only", "common: {output: markdown}\n", `output: "markdown": use text or json`},
		{"a list where one value goes", "serve: {linger: [1ms, 2ms]}\n", `f.yaml:1:17: linger: want one value, not a list`},
		{"no value", "serve:\n  linger:\n", `f.yaml:2:11: linger: there is no value: give one, or take the line out`},
		{"a section where a value goes", "serve:\n  linger: {a: 1}\n", `f.yaml:2:3: linger of serve is a setting, not a section: want a duration`},
		{"a value where a section goes", "serve: 2ms\n", `f.yaml:1:8: serve is a section: its settings go below it`},
		{"a value where the common section goes", "common: 2ms\n", `f.yaml:1:9: common is a section`},
		{"a command in the common section", "common: {serve: {linger: 2ms}}\n", `f.yaml:1:10: serve is no setting: the common section holds settings`},
		{"a name with two meanings", "common: {clusters: 2}\n", `f.yaml:1:10: clusters is not the same for publish, topics create, topics describe and up`},
	} {
		t.Run(tt.what, func(t *testing.T) {
			file, err := settingsfile.Parse("f.yaml", []byte(tt.file))
			if err != nil {
				t.Fatal(err)
			}
			err = checkFile(newRoot(streams{}), file)
			usage, ok := errors.AsType[*exitError](err)
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (!ok || usage.code != exitUsage || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("%v, want %s", err, tt.want)
			}
		})
	}
}

// The problems of a file are reported in the order of its lines, up to a limit.
func TestCheckFileReportsAll(t *testing.T) {
	text := "watch:\n  a: 1\ncommon:\n  b: 1\nxyz: 1\nserve:\n"
	for name := range strings.SplitSeq("cdefghijklmnop", "") {
		text += "  " + name + name + name + ": 1\n"
	}
	file, err := settingsfile.Parse("f.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(checkFile(newRoot(streams{}), file).Error(), "\n")
	if len(lines) != maxProblems+1 || lines[maxProblems] != "and 7 more" {
		t.Errorf("%d lines:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	for i, want := range []string{"f.yaml:2:", "f.yaml:4:", "f.yaml:5:", "f.yaml:7:", "f.yaml:8:"} {
		if !strings.HasPrefix(lines[i], want) {
			t.Errorf("line %d is %s, want %s", i, lines[i], want)
		}
	}
}

// The file that config init writes sets nothing. With all settings uncommented it sets
// each to its default.
func TestTemplateIsTheDefaults(t *testing.T) {
	text := settingsTemplate(newSchema())
	empty, err := settingsfile.Parse("f.yaml", []byte(text))
	if err != nil || checkFile(newRoot(streams{}), empty) != nil {
		t.Fatal(err, checkFile(newRoot(streams{}), empty))
	}
	var set strings.Builder
	for line := range strings.Lines(text) {
		in := len(line) - len(strings.TrimLeft(line, " "))
		if strings.HasPrefix(line[in:], "#") && !strings.HasPrefix(line[in:], "# ") {
			line = line[:in] + line[in+1:]
		}
		if len(strings.TrimSuffix(line, "\n")) > columns && strings.HasPrefix(line[in:], "# ") {
			t.Errorf("a line of %d columns: %s", len(line), line)
		}
		set.WriteString(line)
	}
	full, err := settingsfile.Parse("f.yaml", []byte(set.String()))
	if err != nil {
		t.Fatalf("%v\n%s", err, set.String())
	}
	if err := checkFile(newRoot(streams{}), full); err != nil {
		t.Fatal(err)
	}
	none := func(string) (string, bool) { return "", false }
	for _, path := range commandsBelow(newRoot(streams{}), nil) {
		before, err1 := settings{none, empty}.view(path, nil)
		after, err2 := settings{none, full}.view(path, nil)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		for i := range before {
			a, b := before[i], after[i]
			if a.Kind != fromDefault || b.Kind != fromFile {
				t.Errorf("%s --%s is by %s before and by %s after", a.Command, a.Flag, a.Kind, b.Kind)
			}
			if asYAML(a.Value) != asYAML(b.Value) {
				t.Errorf("%s --%s is %v by default and %v in the file", a.Command, a.Flag, a.Value, b.Value)
			}
		}
	}
}
