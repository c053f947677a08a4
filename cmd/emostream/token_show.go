package main

import (
	"context"
	"errors"
	"fmt"
	stdio "io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/token"
	"github.com/emostream/emostream/server/access"
)

// tokenShowFlags are the settings of token show.
type tokenShowFlags struct {
	authFlags
	token   tokenFlags
	timeout time.Duration
	out     outputFlag
}

func newTokenShow(io streams) *cobra.Command {
	var f tokenShowFlags
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show what a token says, and why a server would refuse it",
		Long: `Show prints what a token says. With --auth-keys it also says whether a server with
these keys would take it, and what its holder may do. It reads the token from
--token-file, from EMOSTREAM_TOKEN or else from stdin; no server is asked.

Exit code 1: it would be refused.`,
		Example: `  emostream token show --token-file ann.token --auth-keys token-key.pub.pem
  emostream token new --subject ann | emostream token show`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context(), io) },
	}
	f.token.add(cmd)
	f.add(cmd, "keys of the server: a PEM file of public keys, a file of a JWKS or with a secret, or the https URL of a JWKS")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 5*time.Second, "how long the URL of --auth-keys may take to answer")
	f.out.add(cmd)
	return cmd
}

// shownToken is what token show tells.
type shownToken struct {
	Header map[string]any `json:"header"`
	Claims map[string]any `json:"claims"`
	// Taken says whether a server would take it; nil: it is not known with which keys.
	Taken *bool `json:"taken,omitempty"`
	// Code and Reason are what a server would answer.
	Code   string `json:"code,omitempty"`
	Reason string `json:"reason,omitempty"`
}

func (f *tokenShowFlags) run(ctx context.Context, io streams) error {
	raw, err := f.read(ctx, io.in)
	if err != nil {
		return err
	}
	now := time.Now()
	var s shownToken
	if s.Header, s.Claims, err = token.Read(raw); err != nil {
		return err
	}
	if f.keys != "" {
		if err := f.judge(ctx, &s, raw, now); err != nil {
			return err
		}
	}
	if f.out.json() {
		err = writeJSON(io.out, s)
	} else {
		err = s.print(io.out, now)
	}
	if err == nil && s.Taken != nil && !*s.Taken {
		return &exitError{code: exitFailed} // why is printed
	}
	return err
}

// read returns the token that is to be shown.
func (f *tokenShowFlags) read(ctx context.Context, stdin stdio.Reader) (string, error) {
	source, err := f.token.source("")
	if err != nil {
		return "", err
	}
	if source != nil {
		return source(), nil
	}
	in := untilDone(ctx, stdin)
	defer in.Close()
	b, err := stdio.ReadAll(stdio.LimitReader(text.SkipMark(in), 2*token.MaxBytes))
	raw := strings.TrimSpace(string(b))
	if err == nil {
		err = client.CheckToken(raw)
	}
	switch {
	case ctx.Err() != nil:
		return "", errInterrupted
	case err != nil:
		return "", usagef("stdin is no token: %w", err)
	}
	return raw, nil
}

// judge finds out whether a server would take the token.
func (f *tokenShowFlags) judge(ctx context.Context, s *shownToken, raw string, now time.Time) error {
	if f.timeout <= 0 {
		return usagef("--timeout %v: want more than 0", f.timeout)
	}
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	keys, _, err := access.ReadKeys(ctx, f.config())
	if err != nil {
		return f.wrong(err)
	}
	_, _, err = token.Verify(raw, keys, token.Wanted{Issuer: f.issuer, Audience: f.audience}, now)
	taken := err == nil
	s.Taken = &taken
	switch {
	case errors.Is(err, token.ErrExpired):
		s.Code = "token_expired"
	case err != nil:
		s.Code = "token_invalid"
	}
	if err != nil {
		s.Reason = err.Error()
	}
	return nil
}

// print prints the token as people read it: first the claims that servers look at.
func (s shownToken) print(out stdio.Writer, now time.Time) error {
	names := []string{"sub", "scope", "exp", "nbf", "iat", "iss", "aud"}
	for _, name := range slices.Sorted(maps.Keys(s.Claims)) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	rows := [][]string{{"signed with", jsonInWords(s.Header["alg"])}}
	if kid, there := s.Header["kid"]; there {
		rows = append(rows, []string{"kid", jsonInWords(kid)})
	}
	for _, name := range names {
		if value, there := s.Claims[name]; there {
			rows = append(rows, []string{name, claimInWords(name, value, now)})
		}
	}
	lines := tableLines([]column{{title: "claim"}, {title: "value"}}, rows)
	claim, _ := s.Claims["scope"].(string)
	if _, unknown, err := token.ParseScopes(claim); err == nil && len(unknown) > 0 {
		lines = append(lines, "", text.Clean("no scope of emostream, and allows nothing: "+strings.Join(unknown, ", ")))
	}
	switch {
	case s.Taken == nil:
		lines = append(lines, "", "whether a server would take it is not known: --auth-keys names the keys of one")
	case *s.Taken:
		lines = append(lines, "", "a server with these keys would take it")
	default:
		lines = append(lines, "", text.Clean(fmt.Sprintf("a server with these keys would refuse it: 401 %s: %s", s.Code, s.Reason)))
	}
	_, err := fmt.Fprintln(out, strings.Join(lines, "\n"))
	return err
}

// claimInWords returns the value of a claim: of a time also how far it is from now.
func claimInWords(name string, value any, now time.Time) string {
	seconds, isNumber := value.(float64)
	if !isNumber || !slices.Contains([]string{"exp", "nbf", "iat"}, name) || seconds < 0 || seconds > 1e11 {
		return jsonInWords(value)
	}
	at := time.Unix(int64(seconds), 0)
	said := at.UTC().Format(time.RFC3339)
	const day = 24 * time.Hour
	switch distance := at.Sub(now).Round(time.Second); {
	case distance < -2*day:
		return fmt.Sprintf("%s (%d days ago)", said, -distance/day)
	case distance < 0:
		return fmt.Sprintf("%s (%v ago)", said, -distance)
	case distance > 2*day:
		return fmt.Sprintf("%s (in %d days)", said, distance/day)
	default:
		return fmt.Sprintf("%s (in %v)", said, distance)
	}
}

// jsonInWords returns a value of JSON as people read it.
func jsonInWords(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = jsonInWords(v[i])
		}
		return strings.Join(parts, ", ")
	}
	return fmt.Sprint(value)
}
