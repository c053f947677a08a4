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

// authFlags say which tokens are good.
type authFlags struct {
	keys     string
	issuer   string
	audience string
}

func (f *authFlags) add(cmd *cobra.Command, keysUsage string) {
	fl := cmd.Flags()
	fl.StringVar(&f.keys, "auth-keys", "", keysUsage)
	fl.StringVar(&f.issuer, "auth-issuer", "", "what tokens must have as iss; needed with a JWKS; default any")
	fl.StringVar(&f.audience, "auth-audience", access.DefaultAudience, "what tokens must have in aud")
}

func (f *authFlags) config() access.Config {
	return access.Config{Keys: f.keys, Issuer: f.issuer, Audience: f.audience}
}

// wrong says why the keys cannot be used.
func (f *authFlags) wrong(err error) error {
	switch {
	case errors.Is(err, access.ErrIssuerMissing):
		return usagef("--auth-keys is a JWKS, and --auth-issuer is missing: %w", err)
	case errors.Is(err, fs.ErrNotExist):
		return usagef("--auth-keys %s: there is no such file; emostream token keygen makes keys", f.keys)
	}
	return usagef("--auth-keys: %w", err)
}

// accessFlags say who may do what at a server.
type accessFlags struct {
	authFlags
	anonymous  []string
	pseudonyms string // the path of a file
}

func (f *accessFlags) add(cmd *cobra.Command) {
	f.authFlags.add(cmd, "keys that sign the tokens of who may send, watch and manage: a PEM file of public keys, a file with a secret, or the https URL of a JWKS; default: everybody may send and watch")
	fl := cmd.Flags()
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
	cfg := f.config()
	cfg.Proxies, cfg.Logger, cfg.Metrics = proxies, s.log, s.metrics
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
	if err != nil {
		return nil, f.wrong(err)
	}
	return gate, nil
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
