package doctor

import (
	"cmp"
	"slices"
	"time"

	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/wire"
)

// heartbeat is one record of emostream-servers, and when it was written.
type heartbeat struct {
	wire.ServerStatus
	at        time.Time
	ticketKey string // which key has signed it; empty: none
}

// serverPresence is the last heartbeat of an instance, and the positions of its first
// and last one among all heartbeats that were read.
type serverPresence struct {
	first, last int
	heartbeat
}

// lastHeartbeats returns each server with its last heartbeat, except servers that have
// announced that they leave. beats are in the order of the log; now is by the brokers'
// clock.
func lastHeartbeats(beats []heartbeat, now time.Time) (servers []Server) {
	seen := map[string]map[string]serverPresence{} // by name and instance
	latest := map[string]string{}                  // the last instance, by name
	for i, b := range beats {
		if seen[b.Name] == nil {
			seen[b.Name] = map[string]serverPresence{}
		}
		first := i
		if s, known := seen[b.Name][b.Instance]; known {
			first = s.first
		}
		seen[b.Name][b.Instance], latest[b.Name] = serverPresence{first, i, b}, b.Instance
	}
	for name, instance := range latest {
		own := seen[name][instance]
		if own.State == wire.StateGone {
			continue
		}
		s := Server{ServerStatus: own.ServerStatus, Age: now.Sub(own.at), TicketKey: own.ticketKey}
		for _, other := range seen[name] {
			// An instance whose last heartbeat is before the first of this one was
			// replaced by it, and is no rival.
			meets := other.Instance != instance && other.last > own.first
			if meets && other.State != wire.StateGone && now.Sub(other.at) <= roster.Timeout {
				s.Rival = other.URL
			}
		}
		servers = append(servers, s)
	}
	slices.SortFunc(servers, func(a, b Server) int {
		return cmp.Or(cmp.Compare(len(a.Name), len(b.Name)), cmp.Compare(a.Name, b.Name))
	})
	return servers
}
