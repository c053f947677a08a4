package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

func newConfig(io streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show the settings and where they come from, or write their file",
		Long: `Every flag of every command is a setting. A flag on the command line wins over the
environment (--topic-prefix as EMOSTREAM_TOPIC_PREFIX), which wins over the
settings file, which wins over the default.

The file is YAML. Its section "common" holds for every command that has such a
flag, and a section with the name of a command for that one alone:

    common:
      brokers: [kafka1:9092, kafka2:9092]
    serve:
      linger: 2ms
    topics:
      create:
        partitions: 12

It is looked for where --config or EMOSTREAM_CONFIG says, else in the folder for
a user's configuration; emostream config path tells where that is.`,
	}
	cmd.AddCommand(newConfigView(io), newConfigInit(io), newConfigPath(io))
	return cmd
}

func newConfigPath(io streams) *cobra.Command {
	return &cobra.Command{
		Use:     "path",
		Short:   "Tell which settings file is read",
		Example: `  emostream config path`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, _ := configPath(cmd, os.LookupEnv)
			if path == "" {
				return errors.New("no settings file is read: give --config")
			}
			_, _ = fmt.Fprintln(io.out, path)
			switch there, err := lookFor(path); {
			case err != nil:
				_, _ = fmt.Fprintf(io.err, "It cannot be looked for (%v), so that no settings are taken from it.\n", err)
			case !there:
				_, _ = fmt.Fprintln(io.err, "It is not there; emostream config init writes one.")
			}
			return nil
		},
	}
}
