package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func newMan(io streams) *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the manual pages",
		Long: `Man writes a manual page for each command into a folder, which is made where it is
missing: emostream.1, emostream-up.1 ... Without installing them, man reads them
by their path.`,
		Example: `  emostream man ~/.local/share/man/man1   # where man finds them
  emostream man ./man1                    # for man ./man1/emostream-up.1`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			header := &doc.GenManHeader{Section: "1", Source: "Emostream " + version, Manual: "Emostream"}
			if built, err := time.Parse(time.RFC3339, date); err == nil {
				header.Date = &built // otherwise cobra takes SOURCE_DATE_EPOCH, or today
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true
			if err := doc.GenManTree(root, header, args[0]); err != nil {
				return err
			}
			_, err := fmt.Fprintf(io.err, "wrote the pages into %s\n", args[0])
			return err
		},
	}
}
