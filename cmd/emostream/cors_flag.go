package main

import (
	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/httpserve"
)

// originsFlag is --cors-origin: the origins whose pages may use a server from a browser.
type originsFlag struct{ list []string }

func (f *originsFlag) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.list, "cors-origin", nil, "origin whose pages may use the server from a browser, like https://example.com, or *, which a page from a file needs; can be repeated")
}

func (f *originsFlag) parse() (httpserve.Origins, error) {
	o, err := httpserve.ParseOrigins(f.list)
	if err != nil {
		return o, usagef("--cors-origin: %w", err)
	}
	return o, nil
}
