package main

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/settingsfile"
)

// deployed is a command line that a file under deploy runs.
type deployed struct {
	where string
	args  []string
	env   map[string]string
	file  string // text of its settings file
}

// The command lines of files under deploy are valid: commands, flags, values,
// environment variables and settings exist.
func TestDeployedCommandLines(t *testing.T) {
	for what, tt := range map[string]struct {
		lines []deployed
		want  string // the commands that the files run, sorted
	}{
		"systemd":    {units(t), "aggregate publish serve subscribe up"},
		"image":      {image(t), "healthcheck"},
		"compose":    {compose(t), "aggregate publish serve subscribe subscribe"},
		"with keys":  {composeWithKeys(t), "aggregate publish serve subscribe subscribe"},
		"kubernetes": {pods(t), "aggregate publish serve subscribe"},
		"nginx":      {inComments(t, "nginx/emostream.conf"), "serve subscribe subscribe"},
		"caddy":      {inComments(t, "caddy/Caddyfile"), "serve subscribe subscribe"},
	} {
		var commands []string
		for _, line := range tt.lines {
			if err := line.check(); err != nil {
				t.Errorf("%s: emostream %s: %v", line.where, strings.Join(line.args, " "), err)
			}
			commands = append(commands, line.args[0])
		}
		slices.Sort(commands)
		if diff := cmp.Diff(tt.want, strings.Join(commands, " ")); diff != "" {
			t.Errorf("%s runs other commands: %s", what, diff)
		}
	}
}

// check does what a command does before it runs, and returns what is wrong.
func (d deployed) check() error {
	file, err := settingsfile.Parse(d.where, []byte(d.file))
	if err != nil {
		return err
	}
	cmd, rest, err := newRoot(streams{}).Find(d.args)
	if err != nil {
		return err
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	known := map[string]bool{variable("config"): true}
	for _, f := range flagsOf(cmd) {
		known[variable(f.Name)] = true
	}
	for name := range d.env {
		if strings.HasPrefix(name, "EMOSTREAM_") && !known[name] {
			return errors.New(name + " sets nothing")
		}
	}
	s := settings{func(name string) (string, bool) { v, ok := d.env[name]; return v, ok }, file}
	return errors.Join(checkFile(newRoot(streams{}), file), s.apply(cmd), cmd.ValidateArgs(cmd.Flags().Args()))
}

// check refuses command lines with mistakes. Otherwise the test above would prove
// nothing.
func TestDeployedCommandLinesAreRefused(t *testing.T) {
	for what, d := range map[string]deployed{
		"a command that there is not":  {args: []string{"listen"}},
		"a flag that there is not":     {args: []string{"serve", "--name", "sub1"}},
		"a value that is not allowed":  {args: []string{"serve"}, env: map[string]string{"EMOSTREAM_LINGER": "soon"}},
		"a variable that sets nothing": {args: []string{"serve"}, env: map[string]string{"EMOSTREAM_NAME": "sub1"}},
		"a setting that there is not":  {args: []string{"serve"}, file: "publish: {linger: 2ms}\n"},
		"an argument that is missing":  {args: []string{"bench", "compare"}},
	} {
		if d.check() == nil {
			t.Errorf("%s is let through", what)
		}
	}
}

// parse returns the command of a command line with its flags set, also by the environment and
// the settings file.
func (d deployed) parse(t *testing.T) *cobra.Command {
	t.Helper()
	file, err := settingsfile.Parse(d.where, []byte(d.file))
	if err != nil {
		t.Fatal(err)
	}
	cmd, rest, err := newRoot(streams{}).Find(d.args)
	if err != nil {
		t.Fatal(err)
	}
	s := settings{func(name string) (string, bool) { v, ok := d.env[name]; return v, ok }, file}
	if err := errors.Join(cmd.ParseFlags(rest), s.apply(cmd)); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// Every main server under deploy that runs beside subscriber servers has the page, and each
// of these has the page's origin, or invites it.
func TestDeployedPagesMayListen(t *testing.T) {
	for what, tt := range map[string]struct {
		lines []deployed
		pages []string // origins under which people open the page
	}{
		"compose":    {compose(t), []string{"http://localhost:5000", "http://127.0.0.1:5000"}},
		"kubernetes": {pods(t), []string{"https://emo.example"}},
		"nginx":      {inComments(t, "nginx/emostream.conf"), []string{"https://emo.example"}},
		"caddy":      {inComments(t, "caddy/Caddyfile"), []string{"https://emo.example"}},
	} {
		for _, line := range tt.lines {
			cmd := line.parse(t)
			switch cmd.Name() {
			case "serve":
				if got := cmd.Flags().Lookup("web").Value.String(); got != "true" {
					t.Errorf("%s: %s does not serve the page", what, line.where)
				}
			case "subscribe":
				invited, err := cmd.Flags().GetStringArray("cors-origin")
				if err != nil {
					t.Fatal(err)
				}
				url := cmd.Flags().Lookup("public-url").Value.String()
				for _, page := range tt.pages {
					if !strings.HasPrefix(url, page+"/") && !slices.Contains(invited, page) {
						t.Errorf("%s: %s at %s does not invite the page of %s, but %q", what, line.where, url, page, invited)
					}
				}
			}
		}
	}
}

// Every main server under deploy says which channels may be used: strangers can reach it.
func TestDeployedServersNameTheirChannels(t *testing.T) {
	lines := slices.Concat(units(t), compose(t), pods(t), inComments(t, "nginx/emostream.conf"), inComments(t, "caddy/Caddyfile"))
	servers := 0
	for _, d := range lines {
		if d.args[0] != "serve" && d.args[0] != "up" {
			continue
		}
		servers++
		if got := d.parse(t).Flags().Lookup("channels").Value.String(); got != "[main]" {
			t.Errorf("%s: %s lets people use the channels %s", d.where, d.args[0], got)
		}
	}
	if servers < 6 {
		t.Errorf("%d main servers were found", servers)
	}
}

// The cask of Homebrew lists every manual page, since it takes no patterns.
func TestManualPagesOfTheCask(t *testing.T) {
	var release struct {
		Casks []struct{ Manpages []string } `yaml:"homebrew_casks"`
	}
	if err := yaml.Unmarshal(read(t, "../.goreleaser.yaml"), &release); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	root := newRoot(streams{err: io.Discard})
	root.SetArgs([]string{"man", dir})
	if err := root.Execute(); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, page := range entries {
		want = append(want, "man/"+page.Name()+".gz")
	}
	if diff := cmp.Diff(want, release.Casks[0].Manpages); diff != "" {
		t.Error(diff)
	}
}

// read returns the text of a file under deploy.
func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../deploy", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// list returns the files under deploy that match a pattern.
func list(t *testing.T, pattern string) (names []string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("../../deploy", pattern))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		name, err := filepath.Rel("../../deploy", path)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, filepath.ToSlash(name))
	}
	return names
}

var (
	execStart   = regexp.MustCompile(`(?m)^ExecStart=/usr/bin/emostream (.+)$`)
	environment = regexp.MustCompile(`(?m)^#?(?:Environment=)?(EMOSTREAM_[A-Z_]+)=(.+)$`)
)

func units(t *testing.T) (all []deployed) {
	t.Helper()
	common := slices.Concat(read(t, "systemd/emostream-.service.d/hardening.conf"), read(t, "systemd/env"))
	for _, name := range list(t, "systemd/*.service") {
		text := strings.NewReplacer("%i", "sub1", "%S", "/var/lib").Replace(string(read(t, name)) + string(common))
		env := map[string]string{}
		for _, v := range environment.FindAllStringSubmatch(text, -1) {
			env[v[1]] = v[2]
		}
		for _, line := range execStart.FindAllStringSubmatch(text, -1) {
			all = append(all, deployed{where: name, args: strings.Fields(line[1]), env: env})
		}
	}
	return all
}

func image(t *testing.T) (all []deployed) {
	t.Helper()
	for _, line := range regexp.MustCompile(`(?m)^HEALTHCHECK .*CMD (\[.*\])$`).FindAllSubmatch(read(t, "Dockerfile"), -1) {
		var args []string
		if err := json.Unmarshal(line[1], &args); err != nil {
			t.Fatal(err)
		}
		all = append(all, deployed{where: "Dockerfile", args: args[1:]})
	}
	return all
}

// composeService has the parts of a service that the tests use.
type composeService struct {
	Image       string
	Command     []string
	Environment map[string]string
}

func services(t *testing.T, name string) map[string]composeService {
	t.Helper()
	var file struct{ Services map[string]composeService }
	if err := yaml.Unmarshal(read(t, name), &file); err != nil {
		t.Fatal(err)
	}
	return file.Services
}

func compose(t *testing.T) (all []deployed) {
	t.Helper()
	for name, s := range services(t, "compose.yaml") {
		if strings.Contains(s.Image, "/emostream:") {
			all = append(all, deployed{where: "compose.yaml: " + name, args: s.Command, env: s.Environment})
		}
	}
	return all
}

// composeWithKeys returns what compose.yaml runs once compose.access.yaml is laid over it.
func composeWithKeys(t *testing.T) (all []deployed) {
	t.Helper()
	over := services(t, "compose.access.yaml")
	all = compose(t)
	for i := range all {
		name := strings.TrimPrefix(all[i].where, "compose.yaml: ")
		all[i].env = maps.Clone(all[i].env)
		maps.Copy(all[i].env, over[name].Environment)
		delete(over, name)
	}
	if len(over) > 0 {
		t.Errorf("compose.access.yaml changes services that are not in compose.yaml: %v", over)
	}
	return all
}

// inComments returns the command lines in the comments of a file.
func inComments(t *testing.T, name string) (all []deployed) {
	t.Helper()
	for _, line := range regexp.MustCompile(`(?m)^# +emostream (.+)$`).FindAllStringSubmatch(string(read(t, name)), -1) {
		all = append(all, deployed{where: name, args: strings.Fields(line[1])})
	}
	return all
}
