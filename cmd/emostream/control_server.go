package main

import (
	"context"
	"time"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/controls"
	"github.com/emostream/emostream/internal/wire"
)

// serverControls changes what is in force by a main server.
type serverControls struct{ client *client.Client }

// atServer calls do with a main server.
func (f *controlFlags) atServer(ctx context.Context, do func(context.Context, controlPlace) error) error {
	c := &client.Client{Server: f.server}
	if err := c.Check(); err != nil {
		return settingError(err)
	}
	var err error
	if c.Token, err = f.source(f.server); err != nil {
		return err
	}
	if c.HTTP, err = f.trust.client(); err != nil {
		return err
	}
	err = do(ctx, serverControls{c})
	if ctx.Err() != nil {
		return errInterrupted
	}
	return err
}

func (s serverControls) set(ctx context.Context, c controls.Control, howLong time.Duration) (wire.ControlChange, error) {
	lasts := ""
	if howLong > 0 {
		lasts = howLong.String()
	}
	return s.client.SetControl(ctx, c.Wire(), lasts)
}

func (s serverControls) end(ctx context.Context, kind controls.Kind, name string) (wire.ControlChange, error) {
	return s.client.EndControl(ctx, string(kind), name)
}

func (s serverControls) list(ctx context.Context) ([]wire.Control, error) {
	return s.client.Controls(ctx)
}
