package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/ticket"
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
	var foreign Foreign
	err := retry(ctx, func() (done bool, err error) {
		servers, foreign, err = s.announced(ctx)
		return !slices.ContainsFunc(servers, func(s Server) bool { return s.Age > roster.Timeout && s.Age < 2*roster.Timeout }), err
	})
	if err != nil {
		return failed(areaServers, err)
	}
	by := client.FollowRedirects(&http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: s.TLS}})
	var asking sync.WaitGroup
	var page string
	asking.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, s.Timeout)
		defer cancel()
		page = pageOrigin(ctx, by, s.Server)
	})
	for i := range servers {
		v := &servers[i]
		v.Orphan = !s.states[s.Names.Cluster(v.Cluster)].Exists
		asking.Go(func() {
			var said health
			code, err := get(ctx, by, strings.TrimSuffix(v.URL, "/")+"/healthz", &said)
			v.Answers = err == nil && code == http.StatusOK && said.Status == "ok"
			unknown, ok := errors.AsType[*net.DNSError](err)
			v.NoHost = ok && unknown.IsNotFound
			if wrong, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
				v.Untrusted = wrong.Err
			}
			v.Forwarded = v.Answers && said.forwarded()
		})
	}
	asking.Wait()
	for i := range servers {
		v := &servers[i]
		if v.Answers && page != "" {
			asking.Go(func() {
				if !invites(ctx, by, v.URL, page) {
					v.Uninvited = page
				}
			})
		}
	}
	asking.Wait()
	return Servers(servers, foreign)
}

// pageOrigin returns the origin of the page that the main server at a base URL hands out, as
// browsers write it; empty: there is none.
func pageOrigin(ctx context.Context, by *http.Client, main string) string {
	u, err := url.Parse(main)
	if err != nil {
		return ""
	}
	h, err := ask(ctx, by, strings.TrimSuffix(main, "/")+"/emostream.js", "")
	if err != nil || !strings.HasPrefix(h.Get("Content-Type"), "text/javascript") {
		return ""
	}
	return httpserve.OriginOf(u)
}

// invites says whether pages of an origin may listen to the server at a base URL. Where that
// cannot be found out it says yes.
func invites(ctx context.Context, by *http.Client, base, origin string) bool {
	u, err := url.Parse(base)
	if err != nil || httpserve.OriginOf(u) == origin {
		return true
	}
	h, err := ask(ctx, by, strings.TrimSuffix(base, "/")+"/healthz", origin)
	if err != nil {
		return true
	}
	allowed := h.Get("Access-Control-Allow-Origin")
	return allowed == "*" || allowed == origin
}

// ask returns the headers of the answer to a GET, for a page of an origin unless that is
// empty.
func ask(ctx context.Context, by *http.Client, url, origin string) (http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	if origin != "" {
		req.Header.Set("Origin", origin)
	}
	res, err := by.Do(req)
	if err != nil {
		return nil, err
	}
	return res.Header, res.Body.Close()
}

// ticketKey tells which key has signed a heartbeat; empty: none.
func ticketKey(r stream.Record) string {
	for _, h := range r.Headers {
		if h.Key == wire.SignatureHeader {
			return ticket.Fingerprint(h.Value)
		}
	}
	return ""
}

// announced returns the servers that have sent a heartbeat within roster.Lookback and
// have not left, and what else was written to the topic.
func (s *session) announced(ctx context.Context) ([]Server, Foreign, error) {
	topic := s.Names.Servers()
	if !s.usable(topic) {
		return nil, Foreign{}, nil
	}
	from, err := s.client.OffsetAt(ctx, topic, 0, s.now().Add(-roster.Lookback))
	if err != nil {
		return nil, Foreign{}, err
	}
	_, end, err := s.client.Offsets(ctx, topic, 0)
	if err != nil {
		return nil, Foreign{}, err
	}
	var beats []heartbeat
	foreign := Foreign{Topic: topic}
	err = s.read(ctx, topic, 0, from, end, func(r stream.Record) {
		switch status, err := s.Names.DecodeServerStatus(r.Key, r.Value); {
		case err == nil:
			beats = append(beats, heartbeat{status, time.UnixMilli(r.Time), ticketKey(r)})
		case len(r.Value) > 0: // else it removes its key
			foreign.Records++
			foreign.Offset, foreign.Reason = r.Offset, err.Error()
		}
	})
	return lastHeartbeats(beats, s.now()), foreign, err
}
