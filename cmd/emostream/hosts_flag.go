package main

import (
	"net/url"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/text"
)

// hostsFlag is --allowed-host: the host names under which a process answers over HTTP.
// The host of its --public-url is one of them.
type hostsFlag struct {
	list      []string
	publicURL string // set by the commands that have the flag
}

func (f *hostsFlag) add(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&f.list, "allowed-host", nil, "host name under which clients may ask, like emo.example, or *; can be repeated; localhost, IP addresses and the host of --public-url are allowed without it")
}

func (f *hostsFlag) check() (httpserve.HostCheck, error) {
	c := httpserve.HostCheck{Advice: "let the operator allow the name with --allowed-host"}
	for _, s := range f.list {
		if s == "*" {
			c.All = true
			continue
		}
		name, err := httpserve.ParseHost(s)
		if err != nil {
			return c, usagef("--allowed-host: %w; or * for all", err)
		}
		c.Names = append(c.Names, name)
	}
	if f.publicURL == "" {
		return c, nil
	}
	u, err := url.Parse(f.publicURL)
	if err != nil {
		return c, usagef("--public-url %.60q: it is no URL", text.ShownURL(f.publicURL))
	}
	name, err := httpserve.ParseHost(u.Hostname())
	if err != nil {
		return c, usagef("--public-url %.60q: %w", text.ShownURL(f.publicURL), err)
	}
	c.Names = append(c.Names, name)
	return c, nil
}
