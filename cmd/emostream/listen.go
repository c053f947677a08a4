package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/emostream/emostream/internal/httpserve"
)

// listen binds addr. If that fails, the error names flag, which sets the address, and
// if the address is taken also hint, a command that works.
func listen(ctx context.Context, addr, flag, hint string) (net.Listener, error) {
	ln, err := httpserve.Listen(ctx, onLoopback(addr))
	failed, ok := errors.AsType[*httpserve.ListenError](err)
	if !ok {
		return ln, err
	}
	if failed.InUse() {
		if strings.HasSuffix(failed.Owner, fmt.Sprintf("(pid %d)", os.Getpid())) {
			failed.Owner = "this process itself, so that the ports of its settings overlap"
		}
		return nil, &exitError{exitFailed, &addressError{failed, flag, hint}}
	}
	return nil, &exitError{exitUsage, &addressError{failed, flag, ""}}
}

// onLoopback returns the address that a flag means: host:port, or a port on loopback.
func onLoopback(given string) string {
	if _, err := strconv.ParseUint(given, 10, 16); err != nil {
		return given
	}
	return "127.0.0.1:" + given
}

// addressError is the error of an address that cannot be bound, with the flag that
// sets it and a command that works; hint may be empty.
type addressError struct {
	*httpserve.ListenError
	flag, hint string
}

func (e *addressError) Error() string {
	s := fmt.Sprintf("address %s (%s) %s; choose another with %s", e.Addr, e.flag, e.Reason(), e.flag)
	if e.hint != "" {
		s += ", for example: " + e.hint
	}
	return s
}

func (e *addressError) Unwrap() error { return e.ListenError }

// checkPorts refuses a port of the main server if the subscriber servers' ports, which
// follow it, would be too great.
func checkPorts(port, subscribers int) error {
	if port < 0 || port+subscribers > 65535 {
		return usagef("--port %d: want 0, or 1 to %d so that %d subscriber servers fit behind it", port, 65535-subscribers, subscribers)
	}
	return nil
}
