package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/emoji"
)

func newVersion(io streams) *cobra.Command {
	var out outputFlag
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Tell the version",
		Example: `  emostream version
  emostream version -o json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			asJSON := out.json()
			if asJSON {
				return writeJSON(io.out, map[string]string{
					"version": version, "commit": commit, "date": date, "unicode": emoji.UnicodeVersion,
					"go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH,
				})
			}
			_, err := fmt.Fprintf(io.out, "emostream %s (commit %s, built %s, Emoji %s, %s %s/%s)\n",
				version, commit, date, emoji.UnicodeVersion, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
	out.add(cmd)
	return cmd
}
