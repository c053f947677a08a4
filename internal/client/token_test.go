package client_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/wire"
)

// tokens returns a client's Token that gives the tokens one after the other, and the last
// one again and again.
func tokens(all ...string) func() string {
	next := -1
	return func() string {
		next = min(next+1, len(all)-1)
		return all[next]
	}
}

// Every request shows the token. When it is refused, one that was renewed meanwhile is
// shown, once.
func TestTokenIsShown(t *testing.T) {
	for name, tt := range map[string]struct {
		token  func() string
		shown  []string
		status int // of the error; 0: there is none
	}{
		"none":                       {nil, []string{""}, 401},
		"one that is taken":          {tokens("good"), []string{"Bearer good"}, 0},
		"one that has run out":       {tokens("old"), []string{"Bearer old"}, 401},
		"renewed meanwhile":          {tokens("old", "good"), []string{"Bearer old", "Bearer good"}, 0},
		"renewed, and refused again": {tokens("old", "older", "good"), []string{"Bearer old", "Bearer older"}, 401},
	} {
		t.Run(name, func(t *testing.T) {
			var shown []string
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				if !strings.Contains(string(b), "🔥") {
					t.Errorf("the body is %q", b)
				}
				shown = append(shown, r.Header.Get("Authorization"))
				if r.Header.Get("Authorization") != "Bearer good" {
					w.WriteHeader(http.StatusUnauthorized)
					_, _ = io.WriteString(w, `{"error":"the token has run out","code":"token_expired"}`)
					return
				}
				_, _ = io.WriteString(w, `{"results":[{"accepted_at":"2026-01-02T03:04:05Z"}]}`)
			}))
			defer srv.Close()
			c := client.Client{Server: srv.URL, Token: tt.token}
			_, err := c.Send(t.Context(), []client.Reaction{{UserID: "ann", Emoji: "🔥"}})
			refused, _ := errors.AsType[*client.RefusalError](err)
			if diff := cmp.Diff(tt.shown, shown); diff != "" || (err == nil) != (tt.status == 0) || refused != nil && refused.Status != tt.status {
				t.Errorf("%v; shown (-want +got):\n%s", err, diff)
			}
			if err != nil && client.OutcomeOf(err) != client.Refused {
				t.Errorf("outcome %v", client.OutcomeOf(err))
			}
		})
	}
}

// A token is for the main server alone: not for another host to which it sends its
// clients, and not for a subscriber server. Who has one says so by it, and not in the
// query.
func TestTokenIsShownToNobodyElse(t *testing.T) {
	var shown []string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown = append(shown, strings.TrimSpace(r.Method+" "+r.URL.String()+" "+r.Header.Get("Authorization")))
		if r.URL.Path == "/v1/swarm" {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, window(1, 1))
			return
		}
		_, _ = fmt.Fprintf(w, `{"server_name":"sub1","stream_url":"http://%s/v1/swarm"}`, r.Host)
	}))
	defer other.Close()
	c := client.Client{Server: moved(t, 307, strings.TrimRight(other.URL, "/")), UserID: "ann", Token: tokens("secret")}
	if err := c.Watch(t.Context(), "", func(wire.Swarm, []byte) error { return errEnough }, nil); !errors.Is(err, errEnough) {
		t.Error(err)
	}
	want := []string{"GET /register", "GET /v1/swarm", "POST /unregister"}
	if diff := cmp.Diff(want, shown); diff != "" {
		t.Errorf("the other host was asked (-want +got):\n%s", diff)
	}
}

// Watch ends when the main server says who may not watch, instead of asking for ever.
func TestWatchEndsWhenItMayNot(t *testing.T) {
	for code, status := range map[string]int{"token_missing": 401, "token_expired": 401, "": 401, "not_allowed": 403, "banned": 403, "channel_not_allowed": 422} {
		t.Run(code, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t, map[string]http.HandlerFunc{"main": func(w http.ResponseWriter, _ *http.Request) {
					w.WriteHeader(status)
					_, _ = fmt.Fprintf(w, `{"error":"no, and why","code":%q}`, code)
				}})
				err := n.client().Watch(t.Context(), "", func(wire.Swarm, []byte) error { return nil }, nil)
				if err == nil || err.Error() != "no, and why" {
					t.Errorf("Watch = %v", err)
				}
				if asked := n.requests(); len(asked) != 1 {
					t.Errorf("asked %q", asked)
				}
			})
		})
	}
}

// A token that was taken and has run out may be renewed a little later. Then Watch goes on;
// else it ends.
func TestWatchWaitsForARenewedToken(t *testing.T) {
	for after, goesOn := range map[time.Duration]bool{20 * time.Second: true, 5 * time.Minute: false} {
		t.Run(after.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				n := newNetwork(t, map[string]http.HandlerFunc{
					"main": func(w http.ResponseWriter, _ *http.Request) {
						if since := time.Since(began); since > 0 && since < after {
							w.WriteHeader(http.StatusUnauthorized)
							_, _ = io.WriteString(w, `{"error":"the token has run out","code":"token_expired"}`)
							return
						}
						_, _ = io.WriteString(w, `{"server_name":"sub1","stream_url":"http://sub1/v1/swarm"}`)
					},
					"sub1": func(w http.ResponseWriter, _ *http.Request) {
						if since := time.Since(began); since > 0 && since < after {
							w.WriteHeader(http.StatusUnauthorized) // the ticket has run out, too
							return
						}
						w.Header().Set("Content-Type", "text/event-stream")
						_, _ = io.WriteString(w, window(int(time.Since(began)/time.Second)+1, 1))
					},
				})
				seen := 0
				err := n.client().Watch(t.Context(), "", func(wire.Swarm, []byte) error {
					if seen++; seen == 2 {
						return errEnough
					}
					return nil
				}, nil)
				refused, _ := errors.AsType[*client.RefusalError](err)
				if goesOn && !errors.Is(err, errEnough) || !goesOn && (refused == nil || refused.Code != "token_expired") {
					t.Errorf("after %v it ended with %v", time.Since(began), err)
				}
				if time.Since(began) > 2*time.Minute {
					t.Errorf("it ended after %v", time.Since(began))
				}
			})
		})
	}
}

// A token file is read again when it changes. In the midst of a renewal the last token
// stays.
func TestTokenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	write := func(content string) {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("\ufefffirst\r\n")
	f, err := client.OpenTokenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{f.Token()}
	for _, content := range []string{"second", "", "two words", "third\n"} {
		write(content)
		got = append(got, f.Token())
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if got = append(got, f.Token()); !slices.Equal(got, []string{"first", "second", "second", "second", "third", "third"}) {
		t.Errorf("got %q", got)
	}
}

func TestCheckToken(t *testing.T) {
	for token, want := range map[string]string{
		"eyJh.eyJz.c2ln": "", "opaque~token+/=": "",
		"": "it is empty", "Bearer eyJh": "blanks", "a\nb": "blanks", "a\r": "blanks", "tökén": "blanks",
		"-----BEGIN PRIVATE KEY-----": "it is a key", strings.Repeat("a", 8<<10+1): "more than 8192 bytes",
	} {
		err := client.CheckToken(token)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.20q: %v, want %q", token, err, want)
		}
	}
}

func TestTokenSubject(t *testing.T) {
	jwt := func(claims string) string {
		return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
	}
	for token, want := range map[string]string{
		jwt(`{"sub":"ann","exp":1}`): "ann", jwt(`{"sub":"Ä 🔥"}`): "Ä 🔥",
		jwt(`{}`): "", jwt(`{"sub":7}`): "", jwt(`[]`): "", jwt(`{"sub":"` + strings.Repeat("a", 129) + `"}`): "",
		"": "", "opaque": "", "a.b.c": "", "e30.!!.c2ln": "", jwt(`{"sub":"ann"}`) + ".x": "",
	} {
		if got := client.TokenSubject(token); got != want {
			t.Errorf("%.40s: %q, want %q", token, got, want)
		}
	}
}
