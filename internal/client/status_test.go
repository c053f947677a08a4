package client_test

import (
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// Status returns the subscriber servers, and the main server's clock from its Date
// header.
func TestStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, map[string]http.HandlerFunc{"main": func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || r.URL.Path != "/v1/servers" {
				t.Errorf("asked %s %s", r.Method, r.URL)
			}
			<-time.After(30 * time.Millisecond)
			w.Header().Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
			_, _ = io.WriteString(w, `{"servers":[{"name":"sub1","clients":3,"state":"draining","alive":true},{"name":"sub2"}],"clusters":[]}`)
		}})
		s, err := n.client().Status(t.Context())
		if err != nil || len(s.Servers) != 2 || s.Servers[0].Name != "sub1" || s.Servers[0].Clients != 3 || s.Servers[0].State != "draining" || !s.Servers[0].Alive || s.Servers[1].Alive {
			t.Errorf("Status = %+v, %v", s, err)
		}
		if c := s.Clock; c.Answered.Sub(c.Asked) != 30*time.Millisecond || c.Server.Sub(c.Answered).Round(time.Minute) != time.Hour || c.Within != time.Second {
			t.Errorf("the clock was read as %+v", s.Clock)
		}
	})
}

// A refusal is returned as the server sent it.
func TestStatusRefused(t *testing.T) {
	c, _ := mainServer(t, 404, `{"error":"nothing is served here","code":"not_found"}`)
	if _, err := c.Status(t.Context()); err == nil || err.Error() != "nothing is served here" {
		t.Errorf("Status = %v", err)
	}
}

// Where only managers may see the servers, the answer still tells what time it is.
func TestStatusOfAServerWithKeys(t *testing.T) {
	for _, status := range []int{401, 403} {
		c, _ := mainServer(t, status, `{"error":"this needs the scope emostream:manage","code":"not_allowed"}`)
		s, err := c.Status(t.Context())
		if err != nil || s.Servers != nil || s.Clock.Server.IsZero() || s.Clock.Answered.IsZero() {
			t.Errorf("%d: %+v, %v", status, s, err)
		}
	}
}
