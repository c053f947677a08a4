package main

import (
	"github.com/spf13/cobra"
)

// outputFlag is -o, which says whether a command prints text or JSON.
type outputFlag struct{ format string }

func (o *outputFlag) add(cmd *cobra.Command) {
	cmd.Flags().VarP(newEnumFlag(&o.format, "text", "text", "json"), "output", "o", "text or json")
}

// json says whether to print JSON.
func (o *outputFlag) json() bool { return o.format == "json" }
