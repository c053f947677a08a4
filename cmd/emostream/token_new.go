package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/suggest"
	"github.com/emostream/emostream/internal/token"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server/access"
)

// tokenNewFlags are the settings of token new.
type tokenNewFlags struct {
	key      tokenKeyFlags
	subject  string
	issuer   string
	audience []string
	scopes   []string
	ttl      time.Duration
	claims   []string
	out      outputFlag
}

func newTokenNew(io streams) *cobra.Command {
	var f tokenNewFlags
	cmd := &cobra.Command{
		Use:   "new",
		Short: "Make a token with any claims, as a login would",
		Long: `New prints a token, signed with a key that emostream token keygen has made, or any
other. Scopes are emostream:send, emostream:watch and emostream:manage; the first two
can be for one channel (emostream:send:stage-1) or for those that begin alike
(emostream:watch:stage-*). emostream:as lets a backend send for its people.

A --claim adds one, or replaces the one that another flag makes, so that also tokens
can be made that a server refuses.`,
		Example: `  emostream token new --subject ann
  emostream token new --subject bob --scope emostream:send:stage-* --ttl 15m
  emostream token new --subject cms --scope emostream:send,emostream:as
  emostream token new --subject ann --ttl -1m --claim roles='["x"]'`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return f.run(io) },
	}
	fl := cmd.Flags()
	f.key.add(fl, tokenKeyName+".pem", "file of the key that signs: a private key in PEM, or a secret of at least 32 bytes")
	fl.StringVar(&f.subject, "subject", "", "whose token it is (sub), which is the user_id; must be given")
	fl.StringSliceVar(&f.scopes, "scope", []string{"emostream:send", "emostream:watch"}, "what its holder may do, separated by commas")
	fl.DurationVar(&f.ttl, "ttl", time.Hour, "how long it is valid, from now (exp); below 0: it has run out; 0: it does not say, so that servers refuse it")
	fl.StringVar(&f.issuer, "issuer", "", "who makes it (iss), which a server with --auth-issuer wants; default it does not say")
	fl.StringSliceVar(&f.audience, "audience", []string{access.DefaultAudience}, "whom it is for (aud)")
	fl.StringArrayVar(&f.claims, "claim", nil, "further claim, as NAME=VALUE: JSON, or else a text; can be repeated")
	f.out.add(cmd)
	return cmd
}

func (f *tokenNewFlags) run(io streams) error {
	claims, others, err := f.said(time.Now())
	if err != nil {
		return err
	}
	signer, err := f.key.signer()
	if err != nil {
		return err
	}
	made, err := signer.Sign(claims, others)
	if err != nil {
		return err
	}
	if !f.out.json() {
		_, err = fmt.Fprintln(io.out, made)
		return err
	}
	_, said, err := token.Read(made)
	if err != nil {
		return err
	}
	return writeJSON(io.out, struct {
		Token  string         `json:"token"`
		Claims map[string]any `json:"claims"`
	}{made, said})
}

// said returns what the token is to say.
func (f *tokenNewFlags) said(now time.Time) (claims token.Claims, others map[string]any, err error) {
	if others, err = parseClaims("--claim", f.claims); err != nil {
		return claims, nil, err
	}
	_, subject := others["sub"]
	switch {
	case f.subject == "" && !subject:
		return claims, nil, usagef("--subject must be given: a token says whose it is, as in --subject ann")
	case len(f.subject) > wire.MaxUserID:
		return claims, nil, usagef("--subject has %d bytes: up to %d are allowed, since it is the user_id", len(f.subject), wire.MaxUserID)
	}
	claims = token.Claims{Subject: f.subject, Issuer: f.issuer, Audience: f.audience}
	if f.ttl != 0 {
		claims.Expires = now.Add(f.ttl)
	}
	claims.Scopes, err = parseScopes(f.scopes)
	if _, there := others["iat"]; !there {
		others["iat"] = now.Unix()
	}
	return claims, others, err
}

// parseScopes reads the scopes of --scope. All must be of this program: others are claims.
func parseScopes(given []string) (token.Scopes, error) {
	claim := strings.Join(given, " ")
	known, unknown, err := token.ParseScopes(claim)
	if err != nil {
		return nil, usagef("--scope: %w", err)
	}
	actions := []string{"emostream:send", "emostream:watch", "emostream:manage", "emostream:as"}
	for scope := range strings.FieldsSeq(claim) {
		if strings.HasPrefix(scope, "emostream:") && !slices.Contains(unknown, scope) {
			continue
		}
		if near := suggest.Nearest(scope, slices.Values(actions)); near != "" {
			return nil, usagef("--scope %.60q is none: did you mean %s?", scope, near)
		}
		return nil, usagef("--scope %.60q is none: there are %s; the first two may be followed by a channel, as in emostream:send:stage-*", scope, strings.Join(actions, ", "))
	}
	return known, nil
}

// parseClaims reads claims like NAME=VALUE, which a flag gives.
func parseClaims(flag string, given []string) (map[string]any, error) {
	claims := map[string]any{}
	for _, claim := range given {
		name, value, found := strings.Cut(claim, "=")
		if !found || name == "" {
			return nil, usagef("%s %.60q: want NAME=VALUE, as in nbf=1767225600 or roles=[\"x\"]", flag, claim)
		}
		var v any
		if json.Unmarshal([]byte(value), &v) != nil {
			v = value
		}
		claims[name] = v
	}
	return claims, nil
}
