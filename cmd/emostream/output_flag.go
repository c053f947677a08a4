package main

import (
	"encoding/json"
	"io"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/text"
)

// outputFlag is -o, which says whether a command prints text or JSON.
type outputFlag struct{ format string }

func (o *outputFlag) add(cmd *cobra.Command) {
	cmd.Flags().VarP(newEnumFlag(&o.format, "text", "text", "json"), "output", "o", "text or json")
}

// json says whether to print JSON.
func (o *outputFlag) json() bool { return o.format == "json" }

// writeJSON writes v as JSON in one line, in which foreign text is harmless to a
// terminal.
func writeJSON(out io.Writer, v any) error {
	return json.NewEncoder(text.JSONWriter(out)).Encode(v)
}
