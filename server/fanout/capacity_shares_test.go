package fanout_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/proof/contract"
	"github.com/emostream/emostream/internal/proof/contract/contracttest"
	"github.com/emostream/emostream/server/fanout"
)

// crowdFrom opens streams on a server from different addresses.
type crowdFrom struct {
	t   *testing.T
	mux *http.ServeMux
	reg *prometheus.Registry
}

func newCrowdFrom(t *testing.T, cfg fanout.Config) (*crowdFrom, *fanout.Server) {
	t.Helper()
	c := &crowdFrom{t, http.NewServeMux(), prometheus.NewRegistry()}
	proxies, err := httpserve.ParseProxies([]string{"10.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Name, cfg.Proxies, cfg.Metrics = "sub1", proxies, c.reg
	s := fanout.New(cfg)
	s.Routes(c.mux)
	return c, s
}

// comes opens a stream, and returns what its client is told at once: "taken", "later",
// or a code. If it is taken, leave ends it.
func (c *crowdFrom) comes(peer, forwarded string) (told string, leave func()) {
	c.t.Helper()
	ctx, cancel := context.WithCancel(c.t.Context())
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/swarm", nil)
	r.RemoteAddr = peer + ":7"
	if strings.Contains(peer, ":") {
		r.RemoteAddr = "[" + peer + "]:7"
	}
	if forwarded != "" {
		r.Header.Set("X-Forwarded-For", forwarded)
	}
	w, done := httptest.NewRecorder(), make(chan struct{})
	go func() {
		defer close(done)
		contracttest.Watch(contract.Subscriber, c.mux).ServeHTTP(w, r)
	}()
	synctest.Wait()
	select {
	case <-done:
		if w.Code == http.StatusServiceUnavailable && strings.Contains(w.Body.String(), `"code":"full"`) {
			return "full", cancel
		}
		return "later", cancel
	default:
		return "taken", func() { cancel(); <-done }
	}
}

// One address gets a quarter of the places, whether it comes by itself or through a
// proxy that is trusted; others get theirs meanwhile. Peers on this machine, and trusted
// proxies that do not say for whom they ask, may have all.
func TestPlacesOfOneAddress(t *testing.T) {
	for name, tt := range map[string]struct {
		peer, forwarded string
		taken           int // of 20 places
	}{
		"by itself":                    {"192.0.2.1", "", 5},
		"by IPv6":                      {"2001:db8::1", "", 5},
		"through a proxy":              {"10.0.0.1", "192.0.2.1", 5},
		"with a header that it forged": {"192.0.2.1", "198.51.100.1", 5},
		"through a proxy, with a header that it forged": {"10.0.0.1", "198.51.100.1, 192.0.2.1", 5},
		"on this machine":                {"127.0.0.1", "", 20},
		"on this machine, by IPv6":       {"::1", "", 20},
		"through a proxy that is silent": {"10.0.0.1", "", 20},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, s := newCrowdFrom(t, fanout.Config{Capacity: 20})
				var leave []func()
				defer func() {
					for _, f := range leave {
						f()
					}
				}()
				for i := range 22 {
					told, gone := c.comes(tt.peer, tt.forwarded)
					leave = append(leave, gone)
					if (told == "taken") != (i < tt.taken) {
						t.Errorf("stream %d: %s", i+1, told)
					}
				}
				if got := metricIn(t, c.reg, "address_full_total"); tt.taken < 20 && got != float64(22-tt.taken) {
					t.Errorf("%v are counted as refused for their address", got)
				}
				if tt.taken == 20 {
					return
				}
				for range 15 / 5 {
					other, gone := c.comes("203.0.113.9", "")
					leave = append(leave, gone)
					if other != "taken" {
						t.Errorf("another address: %s", other)
					}
				}
				leave[0]()
				told, gone := c.comes(tt.peer, tt.forwarded)
				leave = append(leave, gone)
				if told != "taken" || s.Clients() != 8 {
					t.Errorf("after one of the address has left: %s, %d clients", told, s.Clients())
				}
			})
		})
	}
}

// One address may open a quarter of the streams of a second. It is asked to come back
// later, and others are taken.
func TestAcceptRateOfOneAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := newCrowdFrom(t, fanout.Config{Capacity: 1000, AcceptRate: 20})
		flood := func(taken int) {
			t.Helper()
			for i := range 40 { // opened and closed
				told, gone := c.comes("192.0.2.1", "")
				gone()
				if (told == "taken") != (i < taken) {
					t.Errorf("stream %d: %s", i+1, told)
				}
			}
		}
		flood(5)
		for range 5 {
			told, gone := c.comes("192.0.2.2", "")
			defer gone()
			if told != "taken" {
				t.Errorf("another address: %s", told)
			}
		}
		<-time.After(200 * time.Millisecond)
		flood(1)
		<-time.After(time.Hour)
		flood(5)
	})
}
