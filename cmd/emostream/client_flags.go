package main

import (
	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/wire"
)

// defaultServer is the default address of `emostream up` and `emostream serve`.
const defaultServer = "http://127.0.0.1:5000"

// clientFlags are the flags of commands that are clients: send, watch and tui.
type clientFlags struct {
	tokenFlags
	trust   trustFlag
	server  string
	channel string
}

func (f *clientFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.server, "server", defaultServer, "base URL of the main server")
	f.tokenFlags.add(cmd)
	f.trust.add(cmd)
	cmd.Flags().StringVar(&f.channel, "channel", wire.MainChannel, "channel of the reactions")
}

// client checks the flags and returns a client that sends as user. If that is empty, it is
// the user whom the token is for, or otherwise.
func (f *clientFlags) client(user, otherwise string) (*client.Client, error) {
	c := &client.Client{Server: f.server}
	if err := c.Check(); err != nil {
		return nil, settingError(err)
	}
	var err error
	if c.Token, err = f.source(f.server); err != nil {
		return nil, err
	}
	if c.HTTP, err = f.trust.client(); err != nil {
		return nil, err
	}
	c.UserID = userOf(c.Token, user, otherwise)
	return c, checkChannel("--channel", f.channel)
}
