package fanout_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/server/fanout"
)

// A page that asked for signals is told why its stream ends and when to come back, which it
// cannot see of a retry. Others are told when to come back, as ever.
func TestFarewell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := ticketKeys(t, "")
		in := start(t, newTopic(), fanout.Config{Tickets: k, DrainSpread: 3 * time.Second, KeepAlive: time.Hour, AcceptRate: 3})
		expires := in.listen(t, "/v1/swarm"+ticketFor(k, "main", "ann", 10*time.Second)+"&signals=1", "")
		singles := in.listen(t, "/sub1"+ticketFor(k, "main", "bob", 10*time.Second), "")
		stops := in.listen(t, "/v1/swarm"+ticketFor(k, "main", "cid", time.Minute)+"&signals=1", "")
		status, _, body := in.get(t, http.MethodGet, "/v1/swarm"+ticketFor(k, "main", "dan", time.Minute)+"&signals=1")
		retry, rest, _ := strings.Cut(body, "\n")
		ms, err := strconv.Atoi(strings.TrimPrefix(retry, "retry: "))
		if want := fmt.Sprintf("event: farewell\ndata: {\"why\":\"busy\",\"retry_ms\":%d}\n\n", ms); status != http.StatusOK || err != nil || ms < 1000 || ms > 4000 || rest != want {
			t.Errorf("who is put off is answered %d %q", status, body)
		}
		pass(11 * time.Second)
		expires.hears(t, `retry:2000 open retry:2000 {"why":"expired","retry_ms":2000}`)
		singles.hears(t, "retry:2000 retry:2000")
		if !ended(expires) || !ended(singles) {
			t.Error("the streams go on without a ticket")
		}
		stops.hears(t, "retry:2000 open")
		in.stop()
		heard := stops.heard()
		retry, rest, _ = strings.Cut(heard, " ")
		ms, err = strconv.Atoi(strings.TrimPrefix(retry, "retry:"))
		if want := fmt.Sprintf(`{"why":"stopping","retry_ms":%d}`, ms); err != nil || ms < 1000 || ms > 4000 || rest != want {
			t.Errorf("when the server stops, a page hears %q", heard)
		}
	})
}
