package main

import (
	"crypto/tls"
	"net/http"

	"github.com/spf13/cobra"
)

// trustFlag is --cacert: whose certificates a client trusts. It has the name that curl
// gives it.
type trustFlag struct{ ca string }

func (f *trustFlag) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.ca, "cacert", "", "trust the certificates of this PEM file, for https (default: those that the system trusts)")
}

// config reads the file. It returns nil without the flag.
func (f *trustFlag) config() (*tls.Config, error) {
	if f.ca == "" {
		return nil, nil
	}
	trusted, err := readAuthorities(certificateFile{"--cacert", f.ca})
	if err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: trusted}, nil
}

// client returns what makes requests, nil without the flag: then it is the default.
func (f *trustFlag) client() (*http.Client, error) {
	config, err := f.config()
	if config == nil {
		return nil, err
	}
	t := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // nothing here sets another one
	t.TLSClientConfig = config
	return &http.Client{Transport: t}, nil
}
