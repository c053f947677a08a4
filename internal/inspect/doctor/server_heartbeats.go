package doctor

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// servers reads the heartbeats, and asks each server whether it answers. If a server
// may only have missed one heartbeat, it reads them again.
func (s *session) servers(ctx context.Context) []Finding {
	ctx, cancel := context.WithTimeout(ctx, 2*s.Timeout)
	defer cancel()
	topic := s.Names.Servers()
	if !s.usable(topic) {
		return skipped(areaServers, areaServers, topic+" is not there, or has no leader")
	}
	var servers []Server
	err := retry(ctx, func() (done bool, err error) {
		servers, err = s.announced(ctx)
		return !slices.ContainsFunc(servers, func(s Server) bool { return s.Age > roster.Timeout && s.Age < 2*roster.Timeout }), err
	})
	if err != nil {
		return failed(areaServers, err)
	}
	var asking sync.WaitGroup
	for i := range servers {
		v := &servers[i]
		v.Orphan = !s.states[s.Names.Cluster(v.Cluster)].Exists
		asking.Go(func() {
			var health struct{ Status string }
			code, err := get(ctx, strings.TrimSuffix(v.URL, "/")+"/healthz", &health)
			v.Answers = err == nil && code == http.StatusOK && health.Status == "ok"
		})
	}
	asking.Wait()
	return Servers(servers)
}

// announced returns the servers that have sent a heartbeat within roster.Lookback and
// have not left.
func (s *session) announced(ctx context.Context) ([]Server, error) {
	topic := s.Names.Servers()
	if !s.usable(topic) {
		return nil, nil
	}
	from, err := s.client.OffsetAt(ctx, topic, 0, s.now().Add(-roster.Lookback))
	if err != nil {
		return nil, err
	}
	_, end, err := s.client.Offsets(ctx, topic, 0)
	if err != nil {
		return nil, err
	}
	var beats []heartbeat
	err = s.read(ctx, topic, 0, from, end, func(r stream.Record) {
		if status, err := wire.DecodeServerStatus(r.Value); err == nil {
			beats = append(beats, heartbeat{status, time.UnixMilli(r.Time)})
		}
	})
	return lastHeartbeats(beats, s.now()), err
}
