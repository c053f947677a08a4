package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// configViewFlags are the settings of config view.
type configViewFlags struct {
	origins bool
	all     bool
	out     outputFlag
}

func newConfigView(io streams) *cobra.Command {
	var f configViewFlags
	cmd := &cobra.Command{
		Use:   "view [COMMAND...] [-- FLAG...]",
		Short: "Show the settings, as a file of them",
		Long: `View shows what is set outside of the command line, in the form of a settings file.
With the name of a command it shows every setting that this command would run
with, and with flags behind -- as if they had been given to it.`,
		Example: `  emostream config view --origins
  emostream config view serve --origins -- --linger 5ms
  emostream config view topics create -o json
  emostream config view --all > everything.yaml`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, io, args) },
	}
	cmd.Flags().BoolVar(&f.origins, "origins", false, "tell where each value comes from: flag, scenario (of bench), environment, file or default")
	cmd.Flags().BoolVar(&f.all, "all", false, "show every setting of every command, also those at their default")
	f.out.add(cmd)
	return cmd
}

// settingView is a setting in the form that config view -o json prints.
type settingView struct {
	Command string `json:"command"`
	Flag    string `json:"flag"`
	Value   any    `json:"value"`
	origin
}

func (f *configViewFlags) run(cmd *cobra.Command, io streams, args []string) error {
	asJSON := f.out.json()
	s, err := loadSettings(cmd, os.LookupEnv)
	if err != nil {
		return err
	}
	given := []string{}
	if at := cmd.ArgsLenAtDash(); at >= 0 {
		args, given = args[:at], args[at:]
	}
	var all []settingView
	for i, c := range commandsBelow(newRoot(streams{}), args) {
		flags := given
		if i > 0 && len(args) > 0 { // they are those of the command that is named, and not of those below it
			flags = nil
		}
		part, err := s.view(c, flags)
		if err != nil {
			return err
		}
		all = append(all, part...)
	}
	if all == nil {
		return usagef("there are no settings of %.40q: name a command that has some, as in emostream config view serve", strings.Join(args, " "))
	}
	if len(args) == 0 && !f.all {
		all = slices.DeleteFunc(all, func(v settingView) bool { return v.Kind == fromDefault })
	}
	if warning := unseenFile(cmd, os.LookupEnv); warning != "" {
		_, _ = fmt.Fprintln(io.err, warning)
	}
	for _, s := range unknownVariables(os.Environ()) {
		_, _ = fmt.Fprintln(io.err, s)
	}
	if asJSON {
		return writeJSON(io.out, all)
	}
	return f.print(io, all)
}

// commandsBelow lists the commands that have settings: the one that path names, and all
// below it. Each is a list of words, such as topics, create.
func commandsBelow(root *cobra.Command, path []string) (all [][]string) {
	var add func(*cobra.Command)
	add = func(cmd *cobra.Command) {
		if name := strings.Fields(cmd.CommandPath())[1:]; len(name) > 0 && len(flagsOf(cmd)) > 0 {
			all = append(all, name)
		}
		for _, c := range cmd.Commands() {
			if hasSection(c) {
				add(c)
			}
		}
	}
	if cmd, rest, err := root.Find(path); err == nil && len(rest) == 0 && hasSection(cmd) {
		add(cmd)
	}
	return all
}

// view lists the settings that the command at path would run with if it were given
// flags.
func (s settings) view(path, flags []string) ([]settingView, error) {
	cmd, _, err := newRoot(streams{}).Find(path)
	if err != nil {
		return nil, err
	}
	if err := cmd.ParseFlags(flags); err != nil {
		return nil, flagError(cmd, err)
	}
	if err := errors.Join(s.apply(cmd), applyScenario(cmd)); err != nil {
		return nil, err
	}
	all := []settingView{}
	for _, f := range flagsOf(cmd) {
		all = append(all, settingView{strings.Join(path, " "), f.Name, nativeValue(f), originOf(f)})
	}
	return all, nil
}

// print writes settings in the form of a settings file.
func (f *configViewFlags) print(io streams, all []settingView) error {
	if len(all) == 0 {
		_, _ = fmt.Fprintln(io.err, "Nothing is set: all is at its default. Name a command to see its settings, or give --all.")
	}
	lines, widest := make([]string, len(all)), 0
	for i, v := range all {
		lines[i] = fmt.Sprintf("%s%s: %s", indent(len(strings.Fields(v.Command))), v.Flag, asYAML(v.Value))
		widest = max(widest, min(len(lines[i]), 48)) // very long lines do not push all origins to the right
	}
	var b strings.Builder
	var open []string // the sections that the next line is in
	for i, v := range all {
		path := strings.Fields(v.Command)
		same := 0
		for same < min(len(open), len(path)) && open[same] == path[same] {
			same++
		}
		for depth := same; depth < len(path); depth++ {
			fmt.Fprintf(&b, "%s%s:\n", indent(depth), path[depth])
		}
		open = path
		if f.origins {
			lines[i] = fmt.Sprintf("%-*s  # %s", widest, lines[i], strings.TrimSpace(v.Kind+" "+v.Where))
		}
		b.WriteString(lines[i] + "\n")
	}
	_, err := io.out.Write([]byte(b.String()))
	return err
}

func indent(depth int) string { return strings.Repeat("  ", depth) }

// nativeValue returns the value of a flag as JSON and YAML have it: a number, a boolean, a
// list or a string.
func nativeValue(f *pflag.Flag) any {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		values := []string{}
		for _, v := range list.GetSlice() {
			values = append(values, redacted(f, v))
		}
		return values
	}
	text := redacted(f, f.Value.String())
	switch t := f.Value.Type(); {
	case text == "(hidden)":
	case t == "duration":
		if whole, ok := strings.CutSuffix(text, "m0s"); ok {
			text = whole + "m"
		}
		if whole, ok := strings.CutSuffix(text, "h0m"); ok {
			text = whole + "h"
		}
	case t == "bool", strings.HasPrefix(t, "int"), strings.HasPrefix(t, "uint"), strings.HasPrefix(t, "float"):
		return json.RawMessage(text)
	}
	return text
}

// asYAML writes a value of nativeValue on one line.
func asYAML(v any) string {
	if raw, ok := v.(json.RawMessage); ok {
		return string(raw)
	}
	text, err := yaml.MarshalWithOptions(v, yaml.Flow(true))
	if line := strings.TrimSpace(string(text)); err == nil && !strings.Contains(line, "\n") {
		return line
	}
	quoted, _ := json.Marshal(v) // strings always encode, and JSON is valid YAML
	return string(quoted)
}
