package main

import (
	"context"
	"errors"
	"net"

	"github.com/emostream/emostream/internal/httpserve"
)

// listen binds an address; hint is a command that works where that is taken.
func listen(ctx context.Context, addr, flag, hint string) (net.Listener, error) {
	ln, err := httpserve.Listen(ctx, addr, flag)
	if err == nil {
		return ln, nil
	}
	if taken, ok := errors.AsType[*httpserve.ListenError](err); ok && taken.InUse() {
		taken.Hint = hint
		return nil, &exitError{exitFailed, err}
	}
	return nil, &exitError{exitUsage, err}
}
