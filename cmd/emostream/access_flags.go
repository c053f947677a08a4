package main

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/server/access"
)

// accessFlags say who may do what at a server.
type accessFlags struct {
	keys       string
	issuer     string
	audience   string
	anonymous  []string
	pseudonyms string // the path of a file
}

func (f *accessFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.keys, "auth-keys", "", "keys that sign the tokens of who may send, watch and manage: a PEM file of public keys, a file with a secret, or the https URL of a JWKS; default: everybody may send and watch")
	fl.StringVar(&f.issuer, "auth-issuer", "", "what tokens must have as iss; needed with a JWKS; default any")
	fl.StringVar(&f.audience, "auth-audience", access.DefaultAudience, "what tokens must have in aud")
	fl.StringSliceVar(&f.anonymous, "anonymous", nil, "what a request without a token may do where there are keys: none, watch, or watch,send; default none")
	fl.StringVar(&f.pseudonyms, "pseudonyms-file", "", "record users under pseudonyms, which the secret in this file makes of their names; the same file for every serve and subscribe")
}

// gate returns who lets callers in, or nil if there are no keys. It is kept up to date by
// its Run.
func (f *accessFlags) gate(s stage, proxies httpserve.Proxies) (*access.Gate, error) {
	if f.keys == "" {
		if f.issuer != "" || len(f.anonymous) > 0 || f.pseudonyms != "" {
			return nil, usagef("--auth-issuer, --anonymous and --pseudonyms-file are about who has a token, and there are no keys to check one: give --auth-keys, too")
		}
		return nil, nil //nolint:nilnil // a nil gate lets everybody in
	}
	cfg := access.Config{Keys: f.keys, Issuer: f.issuer, Audience: f.audience, Proxies: proxies, Logger: s.log, Metrics: s.metrics}
	var err error
	if cfg.Anonymous, err = parseAnonymous(f.anonymous); err != nil {
		return nil, err
	}
	if f.pseudonyms != "" {
		text, err := os.ReadFile(f.pseudonyms)
		if err != nil {
			return nil, usagef("--pseudonyms-file: %w", err)
		}
		if cfg.Pseudonyms, err = access.NewPseudonyms(text); err != nil {
			return nil, usagef("--pseudonyms-file %s: %w", f.pseudonyms, err)
		}
	}
	gate, err := access.New(cfg)
	if errors.Is(err, access.ErrIssuerMissing) {
		return nil, usagef("--auth-keys is a JWKS, and --auth-issuer is missing: %w", err)
	}
	if err != nil {
		return nil, wrongKeys(f.keys, err)
	}
	return gate, nil
}

// wrongKeys says why the keys of tokens that --auth-keys names cannot be used.
func wrongKeys(keys string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return usagef("--auth-keys %s: there is no such file; emostream token keygen makes keys", keys)
	}
	return usagef("--auth-keys: %w", err)
}

// parseAnonymous returns what a request without a token may do.
func parseAnonymous(list []string) (all []access.Action, err error) {
	for _, word := range list {
		switch word = strings.TrimSpace(word); {
		case word == "none" && len(list) == 1:
		case word == string(access.Watch), word == string(access.Send) && len(list) > 1:
			if !slices.Contains(all, access.Action(word)) {
				all = append(all, access.Action(word))
			}
		default:
			return nil, usagef("--anonymous %s: use none, watch, or watch,send", strings.Join(list, ","))
		}
	}
	return all, nil
}
