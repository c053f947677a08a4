package client_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/wire"
)

// moved starts a server that sends every request on to another one, with a status.
func moved(t *testing.T, status int, to string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", to+r.URL.String())
		w.WriteHeader(status)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

const oneAccepted = `{"accepted":1,"rejected":0,"results":[{"accepted_at":"2025-01-02T03:04:05.678Z"}],"stream_url":"http://s/v1/swarm"}`

// A server that moved is followed, and the request stays what it is. Only a 303, which
// says that the request was handled, is not followed by what sends reactions.
func TestRedirectsAreFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			there, asked := mainServer(t, 200, oneAccepted) // it checks the content type
			c := client.Client{Server: moved(t, status, strings.TrimRight(there.Server, "/")+"/base")}
			_, err := c.Send(t.Context(), []client.Reaction{{UserID: "ann", Emoji: "🔥"}})
			if status == 303 {
				elsewhere, ok := errors.AsType[*client.RedirectError](err)
				if want := c.Server + " answers 303 and sends its clients to " + strings.TrimRight(there.Server, "/") + "/base: use that address"; !ok || elsewhere.Error() != want || len(*asked) > 0 {
					t.Errorf("%v, asked %q, want %s", err, *asked, want)
				}
				if client.OutcomeOf(err) != client.InDoubt {
					t.Error("the reactions are not in doubt")
				}
			} else if err != nil || len(*asked) != 1 || (*asked)[0] != `POST /base/v1/reactions [{"user_id":"ann","emoji_type":"🔥"}]` {
				t.Errorf("%v, asked %q", err, *asked)
			}
			if _, err := c.Register(t.Context()); err != nil || (*asked)[len(*asked)-1] != "GET /base/register" {
				t.Errorf("register: %v, asked %q", err, *asked)
			}
		})
	}
}

// What does not end, and what would no longer be private, is not followed.
func TestRedirectsThatAreNotFollowed(t *testing.T) {
	there, asked := mainServer(t, 200, oneAccepted)
	at := strings.TrimRight(there.Server, "/")
	for range 5 {
		at = moved(t, 302, at)
	}
	c := client.Client{Server: at}
	if _, err := c.Register(t.Context()); err != nil {
		t.Errorf("five redirections: %v", err)
	}
	c.Server = moved(t, 302, at)
	if _, err := c.Register(t.Context()); err == nil || !strings.Contains(err.Error(), "use that address, if it is right (that is the end of 5 redirections)") {
		t.Errorf("six redirections: %v", err)
	}
	c.Server = moved(t, 307, "")
	if _, err := c.Register(t.Context()); err == nil || err.Error() != c.Server+" answers 307 and sends its clients to "+c.Server+": that is a circle, which has no end: mend it in the server, or give the address behind it" {
		t.Errorf("a circle: %v", err)
	}
	private := httptest.NewTLSServer(http.RedirectHandler(strings.TrimRight(there.Server, "/")+"/v1/reactions", http.StatusPermanentRedirect))
	defer private.Close()
	c = client.Client{Server: private.URL, HTTP: private.Client()}
	before := len(*asked)
	_, err := c.Send(t.Context(), []client.Reaction{{UserID: "ann", Emoji: "🔥"}})
	if want := private.URL + " answers 308 and sends its clients to " + strings.TrimRight(there.Server, "/") + ": use that address, if it is right (what is sent there could be read on the way)"; err == nil || err.Error() != want || len(*asked) > before {
		t.Errorf("from https to http: %v, asked %q", err, *asked)
	}
}

// A password is for the host that it was given for. The same host gets it again.
func TestRedirectsKeepSecrets(t *testing.T) {
	var header http.Header
	mux := http.NewServeMux()
	mux.HandleFunc("/base/register", func(w http.ResponseWriter, r *http.Request) {
		header = r.Header
		_, _ = io.WriteString(w, oneAccepted)
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()
	mux.Handle("/relative/", http.RedirectHandler("/base/register", http.StatusMovedPermanently))
	mux.Handle("/absolute/", http.RedirectHandler(srv.URL+"/base/register", http.StatusMovedPermanently))
	withPassword := func(s string) string { return strings.Replace(s, "://", "://ann:secret@", 1) }
	for server, told := range map[string]bool{
		withPassword(srv.URL + "/relative"):              true,
		withPassword(srv.URL + "/absolute"):              true,
		withPassword(moved(t, 302, srv.URL+"/base")):     false,
		withPassword(moved(t, 308, srv.URL+"/relative")): false,
	} {
		c := client.Client{Server: server, UserID: "ann"}
		if _, err := c.Register(t.Context()); err != nil {
			t.Error(err)
		}
		if got := header.Get("Authorization") != ""; got != told || !told && header.Get("Referer") != "" {
			t.Errorf("from %s came %v", server, header)
		}
	}
}

// The answer of a server to which a request was redirected is told from that of the
// server that was asked.
func TestRedirectedRefusal(t *testing.T) {
	there, _ := mainServer(t, 404, `{"error":"there is no such path","code":"not_found"}`)
	c := client.Client{Server: moved(t, 301, strings.TrimRight(there.Server, "/"))}
	_, err := c.Send(t.Context(), []client.Reaction{{UserID: "ann", Emoji: "🔥"}})
	if want := "there is no such path (the request was redirected to " + strings.TrimRight(there.Server, "/") + ")"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	page, _ := mainServer(t, 200, "<html>")
	c.Server = moved(t, 301, page.Server)
	if _, err := c.Register(t.Context()); err == nil || !strings.Contains(err.Error(), "to which the request was redirected, is not the JSON of an Emostream server") {
		t.Errorf("a page: %v", err)
	}
}

// A stream is found behind a redirection, too.
func TestWatchFollowsRedirects(t *testing.T) {
	mux := http.NewServeMux()
	srv := httptest.NewServer(mux)
	defer srv.Close()
	mux.HandleFunc("/register", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(wire.Assignment{ServerName: "sub1", StreamURL: moved(t, 308, srv.URL) + "/v1/swarm"})
	})
	mux.HandleFunc("/unregister", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/v1/swarm", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		data, _ := json.Marshal(wire.NewSwarm("main", wire.Window{Start: 0, End: 2000}, []wire.EmojiCount{{Emoji: "🔥", Count: 1}}, wire.DefaultTop))
		_, _ = w.Write(sse.AppendEvent(nil, sse.Event{Name: "swarm", Data: data}))
	})
	enough := errors.New("enough")
	c := client.Client{Server: moved(t, 301, srv.URL)}
	if err := c.Watch(t.Context(), "main", func(wire.Swarm, []byte) error { return enough }, nil); !errors.Is(err, enough) {
		t.Error(err)
	}
}

func TestRedirection(t *testing.T) {
	from, err := url.Parse("https://ann:secret@emo.example:8443/base/v1/reactions?x=1")
	if err != nil {
		t.Fatal(err)
	}
	for location, want := range map[string]string{
		"http://other/v1/reactions":          "https://emo.example:8443/base answers 301 and sends its clients to http://other: use that address",
		"/v1/reactions?token=secret":         "https://emo.example:8443/base answers 301 and sends its clients to https://emo.example:8443: use that address",
		"https://ann:secret@other/login?a=b": "https://emo.example:8443/base/v1/reactions answers 301 and sends its clients to https://other/login: use that address",
		"":                                   "<nil>",
		"https://emo.example:8443/base/v1/reactions?x=1": "https://emo.example:8443 answers 301 and sends its clients to https://emo.example:8443: that is a circle, which has no end: mend it in the server, or give the address behind it",
		"?x=1":               "https://emo.example:8443 answers 301 and sends its clients to https://emo.example:8443: that is a circle, which has no end: mend it in the server, or give the address behind it",
		"file:///etc/passwd": "https://emo.example:8443/base/v1/reactions answers 301 and sends its clients to file:///etc/passwd: that is no address of a server, which begins with http:// or https://",
		"http://%":           "<nil>",
	} {
		if got := fmt.Sprint(client.Redirection(from, 301, location)); got != want {
			t.Errorf("%q: got %s, want %s", location, got, want)
		}
	}
	if err := client.Redirection(from, 304, "http://other"); err != nil {
		t.Errorf("304 sends nowhere: %v", err)
	}
}

// A redirection that leads to no server was refused: nothing is in doubt.
func TestRedirectsToNowhere(t *testing.T) {
	for to, want := range map[string]string{
		"file:///etc": "S answers 302 and sends its clients to file:///etc: that is no address of a server, which begins with http:// or https://",
		"":            "S answers 302 and sends its clients elsewhere, but its Location, which would say where, is missing",
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if to != "" {
				w.Header().Set("Location", to+r.URL.Path)
			}
			w.WriteHeader(http.StatusFound)
		}))
		defer srv.Close()
		c := client.Client{Server: srv.URL}
		_, err := c.Send(t.Context(), []client.Reaction{{UserID: "ann", Emoji: "🔥"}})
		if got := strings.ReplaceAll(fmt.Sprint(err), srv.URL, "S"); got != want || client.OutcomeOf(err) != client.Refused {
			t.Errorf("%q: outcome %v, %s, want %s", to, client.OutcomeOf(err), got, want)
		}
	}
}
