package main

import (
	"errors"
	"io/fs"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/emostream/emostream/internal/token"
)

func newToken(io streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Make keys and tokens for development, and explain tokens",
		Long: `Tokens say who may send, watch and manage, once a main server has keys (--auth-keys).
They come from the login of whoever runs it. These commands stand in for that login
in development, and tell why a server would refuse a token.`,
		Example: `  emostream token keygen                        # for --auth-keys of servers
  emostream token new --subject ann > ann.token # for --token-file of clients`,
	}
	cmd.AddCommand(newTokenKeygen(io), newTokenNew(io), newTokenShow(io))
	return cmd
}

// tokenKeyName is the name of the files that token keygen writes, without their endings.
const tokenKeyName = "token-key"

// tokenKeyFlags say with which key tokens are signed.
type tokenKeyFlags struct {
	keyFile string
	keyID   string
}

// add adds the flags. file is the default of --token-key-file.
func (f *tokenKeyFlags) add(fl *pflag.FlagSet, file, usage string) {
	fl.StringVar(&f.keyFile, "token-key-file", file, usage)
	fl.StringVar(&f.keyID, "token-kid", "", "kid of the tokens, by which a server finds the key in a JWKS; default none")
}

// signer returns what signs tokens.
func (f *tokenKeyFlags) signer() (*token.Signer, error) {
	file, err := os.ReadFile(f.keyFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usagef("--token-key-file %s: there is no such file; emostream token keygen makes keys", f.keyFile)
	}
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		err = of.Err
	}
	if err != nil {
		return nil, usagef("--token-key-file %s: %w", f.keyFile, err)
	}
	s, err := token.ReadSigner(file)
	if err != nil {
		return nil, usagef("--token-key-file %s: %w", f.keyFile, err)
	}
	s.KeyID = f.keyID
	return s, nil
}
