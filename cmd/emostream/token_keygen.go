package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/token"
)

func newTokenKeygen(io streams) *cobra.Command {
	var (
		kind string
		out  outputFlag
	)
	cmd := &cobra.Command{
		Use:   "keygen [NAME]",
		Short: "Make a key that signs tokens, and one that checks them",
		Long: `Keygen writes NAME.pem, the private key, which signs tokens and must stay secret, and
NAME.pub.pem, the public key, for --auth-keys of servers. A secret is one file,
NAME.secret, for both: then whoever can check tokens can also make them. It
replaces no file. NAME is token-key unless it is given.`,
		Example: `  emostream token keygen
  emostream token keygen --kind secret login`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			name := tokenKeyName
			if len(args) > 0 {
				name = args[0]
			}
			return generateKey(io, token.Kind(kind), name, out.json())
		},
	}
	cmd.Flags().Var(newEnumFlag(&kind, string(token.Ed25519), string(token.Ed25519), string(token.EC), string(token.RSA), string(token.Secret)), "kind", "ed25519, ec (P-256), rsa (2048 bits) or secret")
	out.add(cmd)
	return cmd
}

// keyFiles are the files that keygen has written.
type keyFiles struct {
	Private string `json:"token_key_file"` // it signs tokens
	Public  string `json:"auth_keys"`      // it checks them
}

func generateKey(io streams, kind token.Kind, name string, asJSON bool) error {
	private, public, err := token.Generate(kind)
	if err != nil {
		return err
	}
	files := keyFiles{name + ".pem", name + ".pub.pem"}
	if kind == token.Secret {
		files = keyFiles{name + ".secret", name + ".secret"}
	} else if err := createKeyFile(files.Public, public, 0o644); err != nil {
		return err
	}
	if err := createKeyFile(files.Private, private, 0o600); err != nil {
		if files.Public != files.Private {
			err = errors.Join(err, os.Remove(files.Public)) // it belongs to no key
		}
		return err
	}
	if asJSON {
		return writeJSON(io.out, files)
	}
	_, err = fmt.Fprintf(io.out, "%[1]s signs tokens: keep it secret (emostream token new --token-key-file %[1]s)\n%[2]s checks them: give it to servers (--auth-keys %[2]s)\n", files.Private, files.Public)
	return err
}

// createKeyFile writes a file that is not there yet: a key that is replaced by mistake is
// gone.
func createKeyFile(path string, content []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return usagef("%s is there already: give another NAME, or move it away", path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Close())
}
