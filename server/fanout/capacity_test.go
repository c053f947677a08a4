package fanout_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/proof/contract"
	"github.com/emostream/emostream/internal/proof/contract/contracttest"
	"github.com/emostream/emostream/server/fanout"
)

// A full server tells clients to register again. When a listener has left, it takes the
// next client.
func TestCapacity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := start(t, newTopic(), fanout.Config{Capacity: 2})
		first := in.listen(t, "/v1/swarm", "")
		in.listen(t, "/sub1", "")
		for range 3 {
			status, header, body := in.get(t, http.MethodGet, "/v1/swarm")
			if status != http.StatusServiceUnavailable || header.Get("Retry-After") != "1" || header.Get("Content-Type") != "application/json" ||
				!strings.Contains(body, `"code":"full"`) || !strings.Contains(body, "register again") {
				t.Errorf("answered %d %v %s", status, header, body)
			}
		}
		if got := in.metric(t, "full_total"); got != 3 || in.Clients() != 2 || in.metric(t, "clients") != 2 {
			t.Errorf("%v refused, %d clients, %v by the gauge", got, in.Clients(), in.metric(t, "clients"))
		}
		first.leave()
		synctest.Wait()
		if in.Clients() != 1 {
			t.Errorf("%d clients after one of two left", in.Clients())
		}
		in.listen(t, "/v1/swarm", "").hears(t, "retry:2000")
	})
}

// Clients that come faster than AcceptRate are sent a stream that says when to come
// back, and ends at once. A browser would not come back after a refusal.
func TestPutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := start(t, newTopic(), fanout.Config{AcceptRate: 5, DrainSpread: 3 * time.Second, Capacity: 13})
		in.topic.publish(swarm(1, 1))
		waits := map[string]bool{}
		come := func(taken, putOff int) {
			t.Helper()
			for range taken {
				in.listen(t, "/v1/swarm", "").hears(t, "retry:2000 1=1")
			}
			for range putOff {
				status, header, body := in.get(t, http.MethodGet, "/sub1")
				ms, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(body, "retry: "), "\n"))
				if status != http.StatusOK || header.Get("Content-Type") != "text/event-stream; charset=utf-8" || err != nil || ms < 1000 || ms > 4000 {
					t.Errorf("answered %d %v %q", status, header, body)
				}
				waits[body] = true
			}
		}
		come(5, 20)
		pass(400 * time.Millisecond)
		come(2, 1)
		pass(time.Hour) // after any pause, no more may come at once than in a second
		come(5, 20)
		if in.Clients() != 12 || in.metric(t, "put_off_total") != 41 || in.metric(t, "connections_total") != 12 || len(waits) < 30 {
			t.Errorf("%d clients, %v put off, until %d times", in.Clients(), in.metric(t, "put_off_total"), len(waits))
		}
		pass(time.Second)
		come(1, 0)
		if status, _, _ := in.get(t, http.MethodGet, "/v1/swarm"); status != http.StatusServiceUnavailable {
			t.Errorf("answered %d, want 503: it is full, which is no matter of time", status)
		}
	})
}

// If many clients come at the same moment, exactly as many are taken as there are
// places, and all places are free again when they have left.
func TestCapacityAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const places, comers = 10, 200
		s := fanout.New(fanout.Config{Name: "sub1", Capacity: places})
		mux := http.NewServeMux()
		s.Routes(mux)
		for range 20 {
			ctx, leave := context.WithCancel(t.Context())
			var taken, refused atomic.Int64
			var all sync.WaitGroup
			begin := make(chan struct{})
			for range comers {
				all.Go(func() {
					w := httptest.NewRecorder()
					<-begin
					r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/swarm", nil)
					r.RemoteAddr = "127.0.0.1:1" // which may have all places
					contracttest.Watch(contract.Subscriber, mux).ServeHTTP(w, r)
					if w.Code == http.StatusOK {
						taken.Add(1)
					} else {
						refused.Add(1)
					}
				})
			}
			synctest.Wait()
			close(begin)
			synctest.Wait()
			if s.Clients() != places || refused.Load() != comers-places {
				t.Errorf("%d clients, %d refused, want %d and %d", s.Clients(), refused.Load(), places, comers-places)
			}
			leave()
			all.Wait()
			if s.Clients() != 0 || taken.Load() != places {
				t.Errorf("%d were taken, and %d are left", taken.Load(), s.Clients())
			}
		}
	})
}
