package main

import (
	"fmt"

	"github.com/spf13/pflag"

	"github.com/emostream/emostream/loadgen"
)

// addWatch adds the flags that say which processes of the target are measured.
func (f *benchFlags) addWatch(fl *pflag.FlagSet) {
	fl.IntSliceVar(&f.WatchPIDs, "watch-pid", nil, "measure what this process of the target and its children spend: processor time, memory and descriptors (Linux); can be repeated")
	fl.StringSliceVar(&f.WatchCommands, "watch-command", nil, "measure what all processes with this command, as ps -e lists it, and their children spend, as in nginx (Linux); can be repeated")
}

// checkWatched returns an error if a process that shall be measured is not there. It says
// on stderr what cannot be measured of those that are.
func checkWatched(io streams, cfg loadgen.Config) error {
	advice, err := cfg.Watched()
	if err != nil {
		return usagef("%w", err)
	}
	if advice != "" {
		_, _ = fmt.Fprintf(io.err, "emostream: %s\n", advice)
	}
	return nil
}
