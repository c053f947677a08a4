package main

import (
	"cmp"
	"errors"
	"io/fs"
	"net/url"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/emostream/emostream/internal/client"
)

// tokenVariable is the environment variable with the token of clients. There is no flag
// for it: everybody who lists processes would see it.
const tokenVariable = "EMOSTREAM_TOKEN"

// tokenFlags say which token a client shows to the main server.
type tokenFlags struct {
	tokenFile string
}

func (f *tokenFlags) add(cmd *cobra.Command) {
	f.addTo(cmd.Flags(), "file that holds the token to show to the main server, read again when it changes; default the environment, "+tokenVariable)
}

func (f *tokenFlags) addTo(fl *pflag.FlagSet, usage string) {
	fl.StringVar(&f.tokenFile, "token-file", "", usage)
}

// source returns a function that returns the token, as client.Client wants it; nil if
// there is none. server is where the token is shown.
func (f *tokenFlags) source(server string) (func() string, error) {
	token, inEnvironment := os.LookupEnv(tokenVariable)
	switch {
	case inEnvironment && f.tokenFile != "":
		return nil, usagef("the token is given twice, by %s and by --token-file: leave one out", tokenVariable)
	case !inEnvironment && f.tokenFile == "":
		return nil, nil
	}
	if u, err := url.Parse(server); err == nil && u.User != nil {
		return nil, usagef("--server has a user, and there is a token: a request can show one of them, so leave the other out (the token is given by %s)", cmp.Or(f.tokenFile, tokenVariable))
	}
	if inEnvironment {
		if err := client.CheckToken(token); err != nil {
			return nil, usagef("%s is no token: %w", tokenVariable, err)
		}
		return func() string { return token }, nil
	}
	file, err := client.OpenTokenFile(f.tokenFile)
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		err = of.Err
	}
	if err != nil {
		return nil, usagef("--token-file %s: %w", f.tokenFile, err)
	}
	return file.Token, nil
}

// userOf returns the user to send as: the one that a flag names, the one that the token is
// for, or another.
func userOf(token func() string, flag, otherwise string) string {
	if flag == "" && token != nil {
		flag = client.TokenSubject(token())
	}
	return cmp.Or(flag, otherwise)
}
