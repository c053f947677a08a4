package main

import (
	"github.com/spf13/cobra"
)

// outputFlag is -o, for commands that report something.
type outputFlag struct{ format string }

func (o *outputFlag) add(cmd *cobra.Command) {
	cmd.Flags().VarP(newEnumFlag(&o.format, "text", "text", "json"), "output", "o", "text or json")
}

// json says whether JSON was asked for.
func (o *outputFlag) json() (bool, error) {
	switch o.format {
	case "json":
		return true, nil
	case "text":
		return false, nil
	}
	return false, usagef("--output %.20q: use text or json", o.format)
}
