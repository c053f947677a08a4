package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/emostream/emostream/internal/text"
)

func newConfigInit(io streams) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write a settings file in which everything is commented",
		Long: `Init writes a settings file made from the flags of this program: every setting with
what it means and its default, commented out. Take away the # before one to set it.`,
		Example: `  emostream config init
  emostream config init --config ./emostream.yaml --force`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, _ := configPath(cmd, os.LookupEnv)
			if path == "" {
				return usagef("there is no folder for a user's configuration: give --config FILE")
			}
			if err := writeNew(path, settingsTemplate(newSchema()), force); err != nil {
				return err
			}
			_, err := fmt.Fprintln(io.out, path)
			return err
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "replace a file that is there")
	return cmd
}

// writeNew writes a file that only its owner can read, since it may come to hold
// secrets.
func writeNew(path, text string, force bool) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if force {
		return writeText(path, text, os.O_TRUNC)
	}
	err := createFile(path, text)
	if errors.Is(err, fs.ErrExist) {
		return usagef("%s is there already: --force replaces it, --config writes another one", path)
	}
	return err
}

// createFile writes a file that only its owner can read. If it is there already, the error
// is fs.ErrExist.
func createFile(path, text string) error { return writeText(path, text, os.O_EXCL) }

func writeText(path, text string, flag int) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|flag, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// settingsTemplate returns a settings file that holds every setting with its default, as a
// comment. The settings that several commands share come first, then those of each command.
func settingsTemplate(s schema) string {
	var b strings.Builder
	b.WriteString(`# Settings of emostream, read by every command (see emostream config --help).
# Take away the # right before a setting, and its section is as it stands.

# For every command that has such a flag. A command's own section wins.
` + commonSection + ":\n")
	shared := map[string]string{} // defaults by the name of the setting
	for _, name := range s.settingNames() {
		if o, ok := commonOwner(s.owners[name]); ok {
			shared[name] = o.flag.DefValue
			describeSetting(&b, o.flag, 1)
		}
	}
	var add func(cmd *cobra.Command, depth int)
	add = func(cmd *cobra.Command, depth int) {
		for _, c := range cmd.Commands() {
			if !hasSection(c) {
				continue
			}
			fmt.Fprintf(&b, "\n%s# %s\n%s%s:\n", indent(depth), c.Short, indent(depth), c.Name())
			for _, f := range flagsOf(c) {
				if value, ok := shared[f.Name]; !ok || value != f.DefValue {
					describeSetting(&b, f, depth+1)
				}
			}
			add(c, depth+1)
		}
	}
	add(s.root, 0)
	return b.String()
}

// commonOwner says whether a setting belongs in the common section. It does if all
// commands that have it give it the same type, and at least three of them the same
// default; then one of those three is returned. A command with another default describes
// the setting again in its own section.
func commonOwner(owners []owner) (owner, bool) {
	for _, o := range owners {
		same := 0
		for _, other := range owners {
			if other.flag.Value.Type() != o.flag.Value.Type() {
				return owner{}, false
			}
			if other.flag.DefValue == o.flag.DefValue {
				same++
			}
		}
		if same >= 3 {
			return o, true
		}
	}
	return owner{}, false
}

func describeSetting(b *strings.Builder, f *pflag.Flag, depth int) {
	in := indent(depth)
	for _, line := range text.WrapWords(f.Usage, columns-len(in)-len("# ")) {
		fmt.Fprintf(b, "%s# %s\n", in, line)
	}
	fmt.Fprintf(b, "%s#%s: %s\n", in, f.Name, asYAML(nativeValue(f)))
}
