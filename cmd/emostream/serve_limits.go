package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/quota"
	"github.com/emostream/emostream/server/ingest"
)

// limitFlags limit what the main server takes in: connections, requests in flight,
// quotas of clients. They also say which pages of the web may use it.
type limitFlags struct {
	maxConnections   int
	maxInFlight      int
	maxInFlightBytes int64
	maxStreams       int
	readTimeout      time.Duration
	idleTimeout      time.Duration
	drainDelay       time.Duration
	limitUser        string
	limitAddress     string
	proxies          proxiesFlag
	origins          originsFlag
}

func (f *limitFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.IntVar(&f.maxConnections, "max-connections", 10_000, "most connections to the main server; the others get 503")
	fl.IntVar(&f.maxInFlight, "max-in-flight", 2048, "most requests that are taken in at once; the others get 503; one address: a quarter")
	fl.Int64Var(&f.maxInFlightBytes, "max-in-flight-bytes", 64<<20, "most bytes that their bodies above 16 KiB have together; one address: a quarter")
	fl.IntVar(&f.maxStreams, "max-streams", 256, "most streams of reactions, one a line, that are open at once; the others get 503; one address: a quarter")
	fl.DurationVar(&f.readTimeout, "read-timeout", 15*time.Second, "how long a request may take to arrive, from its first byte to its last; a body above 16 KiB must come at 16 KiB a second after 5s")
	fl.DurationVar(&f.idleTimeout, "idle-timeout", 2*time.Minute, "how long a connection is kept for the next request, and a stream of reactions for the next line")
	fl.DurationVar(&f.drainDelay, "drain-delay", 0, "how long to go on when told to stop, not ready any more, until load balancers know")
	fl.StringVar(&f.limitUser, "limit-user", "", "most reactions of one user_id a second, as RATE or RATE:BURST; the others get 429")
	fl.StringVar(&f.limitAddress, "limit-address", "", "most reactions of one address (IPv6: /64), or of one user who has a token, a second, as RATE or RATE:BURST, or none; the others get 429; default 5000:10000, and none for addresses on loopback")
	f.proxies.add(cmd)
	f.origins.add(cmd)
}

// bounds checks the limits on what is under way at once.
func (f *limitFlags) bounds() (ingest.Bounds, error) {
	if f.maxConnections < 1 || f.maxInFlight < 1 || f.maxStreams < 1 || f.maxInFlightBytes < ingest.MaxBody {
		return ingest.Bounds{}, usagef("--max-connections, --max-in-flight and --max-streams want at least 1, and --max-in-flight-bytes at least %d, the longest body", ingest.MaxBody)
	}
	if f.readTimeout < 100*time.Millisecond || f.idleTimeout < 100*time.Millisecond || f.drainDelay < 0 {
		return ingest.Bounds{}, usagef("--read-timeout and --idle-timeout want at least 100ms, and --drain-delay at least 0")
	}
	return ingest.Bounds{MaxRequests: f.maxInFlight, MaxBytes: f.maxInFlightBytes, MaxStreams: f.maxStreams, StreamIdleTimeout: f.idleTimeout}, nil
}

// noLimit is the value of a limit that switches it off.
const noLimit = "none"

// quotas checks the limits for a single user and a single address.
func (f *limitFlags) quotas() (q ingest.Quotas, err error) {
	if q.User, err = rate("--limit-user", f.limitUser); err != nil {
		return q, err
	}
	if f.limitAddress == "" {
		q.Address, q.SpareLoopback = ingest.DefaultAddressRate(), true
		return q, nil
	}
	q.Address, err = rate("--limit-address", f.limitAddress)
	return q, err
}

// rate reads a quota such as 10:100, which flag sets.
func rate(flag, value string) (quota.Rate, error) {
	if value == "" || value == noLimit {
		return quota.Rate{}, nil
	}
	r, err := quota.ParseRate(value)
	if err != nil {
		return r, usagef("%s: %w", flag, err)
	}
	return r, nil
}
