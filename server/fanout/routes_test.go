package fanout_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/emostream/emostream/server/fanout"
)

func TestOtherRequests(t *testing.T) {
	for name, tt := range map[string]struct {
		method, path string
		status       int
		code         string
		says         string
	}{
		"posting to a stream":         {"POST", "/v1/swarm", 405, "method_not_allowed", "use GET"},
		"posting to single emojis":    {"DELETE", "/sub1", 405, "method_not_allowed", "use GET"},
		"another server's name":       {"GET", "/sub2", 404, "not_found", "/sub1, /v1/swarm"},
		"nothing":                     {"GET", "/", 404, "not_found", "/sub1, /v1/swarm"},
		"something longer":            {"GET", "/sub1/x", 404, "not_found", "there are"},
		"a channel of a space":        {"GET", "/v1/swarm?channel=a+b", 422, "invalid_channel", "1 to 64 of A-Z"},
		"a channel of 65":             {"GET", "/sub1?channel=" + strings.Repeat("c", 65), 422, "invalid_channel", "1 to 64"},
		"a hostile channel":           {"GET", "/sub1?channel=" + strings.Repeat("%1b", 600), 422, "invalid_channel", `\x1b`},
		"an invalid channel's length": {"HEAD", "/v1/swarm?channel=%2f", 422, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				status, header, body := start(t, newTopic(), fanout.Config{}).get(t, tt.method, tt.path)
				var p struct{ Error, Code string }
				if tt.method != "HEAD" {
					if err := json.Unmarshal([]byte(body), &p); err != nil || header.Get("Content-Type") != "application/json" {
						t.Errorf("answered %q: %v", body, err)
					}
				}
				if status != tt.status || p.Code != tt.code || !strings.Contains(p.Error, tt.says) || len(p.Error) > 300 {
					t.Errorf("answered %d %+v, want %d %s with %q", status, p, tt.status, tt.code, tt.says)
				}
				if got := header.Get("Allow"); (got == "GET") != (status == 405) {
					t.Errorf("Allow: %q", got)
				}
			})
		})
	}
}

// HEAD answers with the headers of GET, and opens no stream.
func TestHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := start(t, newTopic(), fanout.Config{Capacity: 1})
		for _, path := range []string{"/v1/swarm", "/sub1", "/v1/swarm?channel=b"} {
			status, header, body := in.get(t, http.MethodHead, path)
			if status != http.StatusOK || header.Get("Content-Type") != "text/event-stream; charset=utf-8" || body != "" {
				t.Errorf("%s answered %d %v %q", path, status, header, body)
			}
		}
		if n := in.metric(t, "connections_total"); n != 0 || in.Clients() != 0 {
			t.Errorf("%d clients, %v connections", in.Clients(), n)
		}
	})
}

func TestHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := start(t, newTopic(), fanout.Config{})
		synctest.Wait()
		for path, want := range map[string]string{"/healthz": `{"status":"ok"}`, "/readyz": `{"status":"ready"}`} {
			if status, _, body := in.get(t, http.MethodGet, path); status != http.StatusOK || body != want+"\n" {
				t.Errorf("%s answered %d %s", path, status, body)
			}
		}
	})
}
