package main

import (
	"sync"
	"time"

	"github.com/spf13/pflag"

	"github.com/emostream/emostream/internal/token"
	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/server/access"
)

// benchTokenFlags say which tokens the users of a load test show.
type benchTokenFlags struct {
	given  tokenFlags
	key    tokenKeyFlags
	ttl    time.Duration
	claims []string
}

func (f *benchTokenFlags) add(fl *pflag.FlagSet) {
	f.given.addTo(fl, "file that holds a token, which all users and listeners show to the main server; for users other than its own it needs emostream:as; default the environment, "+tokenVariable)
	f.key.add(fl, "", "file of a key with which a token is made for each user: a private key in PEM, or a secret; listeners have those of the users in turn")
	fl.DurationVar(&f.ttl, "token-ttl", time.Hour, "how long a token of --token-key-file is valid; it is renewed before it ends")
	fl.StringArrayVar(&f.claims, "token-claim", nil, "further claim of these tokens, as NAME=VALUE: JSON, or else a text, as in iss=https://login.example/; can be repeated")
}

// sharedTokenFor is how long the token of --token-file is shown before the file is looked
// at again.
const sharedTokenFor = time.Second

// apply sets which tokens are shown.
func (f *benchTokenFlags) apply(cfg *loadgen.Config) error {
	if cfg.Publish != nil {
		if f.given.tokenFile != "" || f.key.keyFile != "" {
			return usagef("--token-file and --token-key-file are for a server of Emostream: give another service its login by --header")
		}
		return nil
	}
	shared, err := f.given.source(cfg.Server)
	switch {
	case err != nil:
		return err
	case shared != nil && f.key.keyFile != "":
		return usagef("--token-key-file makes tokens, and --token-file or %s gives one: leave one out", tokenVariable)
	case f.key.keyFile == "" && (f.key.keyID != "" || len(f.claims) > 0):
		return usagef("--token-kid and --token-claim go with --token-key-file, the key that makes tokens, which is not given")
	case shared != nil:
		cfg.Token = reread(shared)
	case f.key.keyFile != "":
		cfg.Token, err = f.minted()
	}
	return err
}

// reread returns one token for all users, and asks for it every so often.
func reread(shared func() string) func(string, time.Time) (string, time.Time) {
	var mu sync.Mutex
	var token string
	var until time.Time
	return func(_ string, at time.Time) (string, time.Time) {
		mu.Lock()
		defer mu.Unlock()
		if !at.Before(until) {
			token, until = shared(), at.Add(sharedTokenFor)
		}
		return token, until
	}
}

// minted returns tokens that are made with the key for whoever sends.
func (f *benchTokenFlags) minted() (func(string, time.Time) (string, time.Time), error) {
	if f.ttl < time.Second {
		return nil, usagef("--token-ttl %v: want at least 1s", f.ttl)
	}
	signer, err := f.key.signer()
	if err != nil {
		return nil, err
	}
	others, err := parseClaims("--token-claim", f.claims)
	if err != nil {
		return nil, err
	}
	scopes, _, err := token.ParseScopes("emostream:send emostream:watch")
	if err != nil {
		return nil, err
	}
	mint := func(user string, at time.Time) (string, time.Time, error) {
		until := at.Add(f.ttl + time.Second - 1).Truncate(time.Second) // as exp tells it
		made, err := signer.Sign(token.Claims{Subject: user, Audience: []string{access.DefaultAudience}, Scopes: scopes, Expires: until}, others)
		return made, until, err
	}
	if _, _, err := mint("bench", time.Now()); err != nil { // so that no other one fails
		return nil, usagef("--token-key-file %s: %w", f.key.keyFile, err)
	}
	return func(user string, at time.Time) (string, time.Time) {
		made, until, _ := mint(user, at)
		return made, until
	}, nil
}
