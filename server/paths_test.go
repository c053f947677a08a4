package server_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/server"
	"github.com/emostream/emostream/server/fanout"
)

// However a client puts a URL together, it is served, or told which paths there are. It is
// never sent elsewhere.
func TestPathsOfClients(t *testing.T) {
	const json, nothing = "application/json", `"code":"not_found"`
	for _, tt := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"POST", "//send_emoji", tap, 200, "Message queued"},
		{"POST", "/./send_emoji", tap, 404, nothing},
		{"POST", "/%2fsend_emoji", tap, 404, nothing},
		{"POST", "/send%5femoji", tap, 404, nothing},
		{"POST", "/v1//reactions", "[" + tap + "]", 200, `"accepted":1`},
		{"POST", "/v1/../v1/reactions", "[" + tap + "]", 404, nothing},
		{"POST", "/x/../v1%2Freactions", "[" + tap + "]", 404, nothing},
		{"GET", "/v1%2Fservers", "", 404, nothing},
		{"POST", "//unregister", `{"server":"sub1"}`, 200, "Unregistered from sub1"},
		{"GET", "//register?user_id=ann", "", 200, `"user_id":"ann"`},
		{"GET", "//readyz", "", 200, "ready"},
		{"POST", "/send_emoji/", tap, 404, `nothing is served at \"/send_emoji/\": leave out the slash at the end`},
		{"POST", "//send_emoji//", tap, 404, nothing},
		{"POST", "//nothing", tap, 404, `there are /register`},
		{"POST", "/send_emoji%2f", tap, 404, nothing},
		{"GET", "/..", "", 404, nothing},
		{"DELETE", "//send_emoji", "", 405, `"code":"method_not_allowed"`},
	} {
		synctest.Test(t, func(t *testing.T) {
			got := serve(t, mainServer(taken)).do(tt.method, tt.path, json, strings.NewReader(tt.body))
			if got.status != tt.status || !strings.Contains(got.body, tt.says) || got.header.Get("Content-Type") != json {
				t.Errorf("%s %s: answered %+v, want %d with %s", tt.method, tt.path, got, tt.status, tt.says)
			}
		})
	}
}

func TestPathsOfListeners(t *testing.T) {
	for _, tt := range []struct {
		method, path string
		status       int
		contentType  string
	}{
		{"HEAD", "//sub1", 200, "text/event-stream"},
		{"HEAD", "/v1//swarm?channel=main", 200, "text/event-stream"},
		{"HEAD", "/v1%2Fswarm", 404, "application/json"},
		{"HEAD", "/./sub1", 404, "application/json"},
		{"GET", "//healthz", 200, "application/json"},
		{"GET", "/sub1/", 404, "application/json"},
		{"GET", "/v1/swarm/", 404, "application/json"},
		{"GET", "//nothing", 404, "application/json"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := serve(t, &server.Subscriber{Fanout: fanout.New(fanout.Config{Name: "sub1", Servers: &roster.Roster{}})})
			got := s.do(tt.method, tt.path, "", nil)
			if got.status != tt.status || !strings.HasPrefix(got.header.Get("Content-Type"), tt.contentType) {
				t.Errorf("%s %s: answered %+v, want %d", tt.method, tt.path, got, tt.status)
			}
		})
	}
}
