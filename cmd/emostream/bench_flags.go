package main

import (
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func (f *benchFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	f.addTarget(fl)
	f.tls.add(fl)
	f.tokens.add(fl)
	f.addRequests(fl)
	f.addLoad(fl)
	f.addAudience(fl)
	f.addWatch(fl)
	f.addVerdict(fl)
	f.scenario.add(fl)
	addReportFiles(cmd, &f.files)
	f.metrics.add(cmd)
	f.progress.add(cmd)
	f.validity.add(cmd)
	f.out.add(cmd)
}

// addTarget adds the flags that say what is loaded, and with which requests.
func (f *benchFlags) addTarget(fl *pflag.FlagSet) {
	fl.StringVar(&f.Server, "server", defaultServer, "base URL of the main server")
	fl.BoolVar(&f.AllowRemote, "allow-remote", false, "let the target be another machine")
	fl.DurationVar(&f.Timeout, "timeout", 10*time.Second, "how long a request may take")
	fl.StringVar(&f.publish.PostURL, "post-url", "", "publish here instead: any service that takes events in over HTTP")
	fl.StringVar(&f.publish.Body, "post-body", "", `what to post there, with placeholders; @FILE is in a file (default {"marker":"{{marker}}"})`)
	fl.StringVar(&f.publish.ContentType, "post-type", "application/json", "content type of --post-body")
	fl.StringArrayVar(&f.publish.StreamURLs, "stream-url", nil, "where what was published comes out, over Server-Sent Events; can be repeated: each event is expected on every stream")
	fl.StringVar(&f.publish.Match, "match", "", "regular expression whose first group, or without one the whole match, is the marker in an event (default: the marker itself)")
}

// addLoad adds the flags that say how much is sent when.
func (f *benchFlags) addLoad(fl *pflag.FlagSet) {
	fl.Float64Var(&f.Rate, "rate", 100, "reactions a second; 0: closed loop, as fast as the answers come")
	fl.StringVar(&f.Stages, "stages", "", "rates in turn, each for its time, and ramps between two, as in 10s:100..5000,30s:5000,10s:0")
	fl.StringVar(&f.Burst, "burst", "", "reactions at once, every so often, as in 500ms:2000")
	fl.DurationVar(&f.Duration, "duration", 10*time.Second, "how long to send, unless stages say it")
	fl.DurationVar(&f.WarmUp, "warm-up", 0, "how long the load is not measured at first: what is sent then is in the books, and in no latency, no rate and no condition on them")
	fl.IntVar(&f.Connections, "connections", 64, "connections that send")
	fl.IntVar(&f.Batch, "batch", 1, "reactions in a request, up to 10000")
	fl.IntVar(&f.Kinds, "kinds", 9, "kinds of emojis, up to 50")
	fl.IntVar(&f.Users, "users", 1000, "users who send")
	fl.Uint64Var(&f.Seed, "seed", 1, "decides who sends what; the same seed makes the same run")
	fl.DurationVar(&f.Drain, "drain", 0, "how long after the end what is due may still be sent, when the server is behind (default: as long as the run, at least 30s)")
	fl.StringVar(&f.startAt, "start-at", "", "when to begin sending (RFC 3339), so that several generators begin together")
}

// addAudience adds the flags that say who listens, and how.
func (f *benchFlags) addAudience(fl *pflag.FlagSet) {
	fl.IntVar(&f.Listeners, "listeners", 1, "clients that listen")
	fl.IntVar(&f.Channels, "channels", 1, "channels of the run's own over which reactions and listeners are spread, up to 1000")
	fl.DurationVar(&f.Arrive, "arrive", 0, "how long the listeners take to arrive, evenly, from when sending begins (default: all are there before)")
	fl.StringVar(&f.Slow, "slow", "", "clients that read slowly, on top, and how many bytes a second each, as in 100:1000")
	fl.IntVar(&f.Stalled, "stalled", 0, "clients that ask for the stream and never read, on top")
	fl.IntVar(&f.Mute, "mute", 0, "clients that connect and never ask for anything, on top")
	fl.Float64Var(&f.Churn, "churn", 0, "listeners that leave and are replaced, a second")
	fl.DurationVar(&f.Silence, "silence", 30*time.Second, "how long a stream may send nothing while something is sent, before its listener leaves it")
	fl.DurationVar(&f.BalanceTimeout, "patience", 15*time.Second, "how long the books may take to balance after the last request")
}

// addVerdict adds the flags that say what a run must show.
func (f *benchFlags) addVerdict(fl *pflag.FlagSet) {
	fl.StringArrayVar(&f.thresholds, "threshold", nil, "condition that must be met, as in overhead_p99<300ms, ack_p99.9<=50ms, lost==0 or error_rate<1%; can be repeated")
	fl.BoolVar(&f.findMax, "find-max", false, "look for the greatest rate at which the thresholds hold, beginning with --rate; a run of --duration for each step")
}
