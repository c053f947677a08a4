package main

import (
	"context"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/emostream/emostream/internal/ticket"
	"github.com/emostream/emostream/server/access"
)

// ticketFlag is --ticket-key-file: the keys that serve, subscribe and publish share.
type ticketFlag struct{ path string }

// ticketUsage is what serve and subscribe do with the file.
const ticketUsage = "file of the keys that sign the tickets of streams and heartbeats, one a line, of at least 32 bytes; the same file for every serve and subscribe; the first key signs, all verify"

func (f *ticketFlag) add(cmd *cobra.Command, usage string) {
	cmd.Flags().StringVar(&f.path, "ticket-key-file", "", usage)
}

// read returns the keys, or nil if there are none.
func (f *ticketFlag) read() (*ticket.Keys, error) {
	if f.path == "" {
		return nil, nil //nolint:nilnil // nil keys are no keys
	}
	keys, err := ticket.Read(f.path)
	if err != nil {
		return nil, usagef("--ticket-key-file %s: %w", f.path, err)
	}
	return keys, nil
}

// ticketsFor returns the keys of tickets of a main server that has a gate. If makeUp is set
// and the flag is not, they are made up where tickets are needed: for servers of one process.
func (f *ticketFlag) ticketsFor(gate *access.Gate, makeUp bool) (*ticket.Keys, error) {
	switch needed := gate.NeedsToken(access.Watch); {
	case f.path != "" || !needed:
		return f.read()
	case makeUp:
		return ticket.Generate(), nil
	}
	return nil, usagef("--auth-keys says who may watch, and --ticket-key-file is missing, with which subscriber servers let them in: give it to serve and subscribe, or let everybody watch with --anonymous watch")
}

// admission is how a server decides whom to let in: by tokens, by tickets or, where both are
// nil, everybody.
type admission struct {
	gate    *access.Gate
	tickets *ticket.Keys
}

// keepKeys keeps the keys up to date until ctx ends.
func (a admission) keepKeys(ctx context.Context, s stage) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return a.gate.Run(ctx) })
	g.Go(func() error { return a.tickets.Run(ctx, s.log) })
	return g.Wait()
}
