package main

import (
	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/httpserve"
)

// proxiesFlag is --trusted-proxies: the proxies that say where a request came from.
type proxiesFlag struct{ list []string }

func (f *proxiesFlag) add(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&f.list, "trusted-proxies", nil, "networks whose X-Forwarded-For is believed, as in 10.0.0.0/8")
}

func (f *proxiesFlag) parse() (httpserve.Proxies, error) {
	p, err := httpserve.ParseProxies(f.list)
	if err != nil {
		return nil, usagef("--trusted-proxies: %w", err)
	}
	return p, nil
}
