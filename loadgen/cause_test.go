package loadgen_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/loadgen"
)

// assigning starts a main server that sends listeners to a stream.
func assigning(t *testing.T, stream string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"server_url":%[1]q,"server_name":"sub1","user_id":"u","message":"m","stream_url":%[1]q}`, stream)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// A run that cannot begin says why, and no other cause.
func TestRunNamesTheCause(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	moved := httptest.NewServer(http.RedirectHandler("https://emo.example/register", http.StatusMovedPermanently))
	t.Cleanup(moved.Close)
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"error":"a token is missing","code":"token_missing"}`)
	}))
	t.Cleanup(refusing.Close)
	silent, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0") // nobody accepts
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	host := func(url string) string { _, rest, _ := strings.Cut(url, "://"); return rest }
	const short = 500 * time.Millisecond
	for name, tt := range map[string]struct {
		cfg  loadgen.Config
		want string
	}{
		"the server moved":        {loadgen.Config{Server: moved.URL}, moved.URL + " answers 301 and sends its clients to https://emo.example: use that address"},
		"https to a plain port":   {loadgen.Config{Server: "https://" + host(plain.URL)}, "https://" + host(plain.URL) + " speaks no TLS there: is it http://" + host(plain.URL) + "?"},
		"http to a TLS port":      {loadgen.Config{Server: "http://" + host(secure.URL)}, "http://" + host(secure.URL) + " speaks TLS: is it https://" + host(secure.URL) + "?"},
		"https to a silent port":  {loadgen.Config{Server: "https://" + silent.Addr().String(), Timeout: short}, "deadline exceeded"},
		"the server refuses":      {loadgen.Config{Server: refusing.URL}, "the server answered 401 Unauthorized: a token is missing"},
		"an untrusted server":     {loadgen.Config{Server: secure.URL}, secure.URL + " shows a certificate that was signed by an authority which this machine does not know ("},
		"a stream elsewhere":      {loadgen.Config{Server: assigning(t, "http://192.0.2.1:5001/v1/swarm")}, "the main server sends listeners to 192.0.2.1, which is not this machine: a load test there needs to be allowed"},
		"a stream that refuses":   {loadgen.Config{Server: assigning(t, refusing.URL+"/v1/swarm"), Timeout: short}, "no listener could connect within 500ms: the server answered 401 Unauthorized: a token is missing"},
		"a stream that moved":     {loadgen.Config{Server: assigning(t, moved.URL+"/register"), Timeout: short}, "no listener could connect within 500ms: " + moved.URL + " answers 301 and sends its clients to https://emo.example: use that address"},
		"a stream of plain HTTP":  {loadgen.Config{Server: assigning(t, "https://"+host(plain.URL)+"/v1/swarm"), Timeout: short}, "speaks no TLS there"},
		"posts over https":        {loadgen.Config{Publish: &loadgen.Publish{PostURL: "https://" + host(plain.URL)}}, "speaks no TLS there"},
		"posts to a silent port":  {loadgen.Config{Publish: &loadgen.Publish{PostURL: "https://" + silent.Addr().String()}, Timeout: short}, "deadline exceeded"},
		"posts to nobody at all":  {loadgen.Config{Publish: &loadgen.Publish{PostURL: "http://127.0.0.1:1/pub"}}, "http://127.0.0.1:1/pub cannot be reached (connection refused): is it running?"},
		"another machine's posts": {loadgen.Config{Publish: &loadgen.Publish{PostURL: "http://192.0.2.1/pub"}}, "192.0.2.1 is not this machine: a load test there needs to be allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.cfg.Rate, tt.cfg.Duration = 10, 100*time.Millisecond
			if _, err := loadgen.Run(t.Context(), tt.cfg); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

// Every address that this machine has is its own, not only those of loopback.
func TestRunOnAnAddressOfThisMachine(t *testing.T) {
	t.Parallel()
	own, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range own {
		of, ok := a.(*net.IPNet)
		if !ok || !of.IP.IsGlobalUnicast() {
			continue
		}
		ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort(of.IP.String(), "0"))
		if err != nil {
			continue
		}
		srv := &httptest.Server{Listener: ln, Config: &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}}
		srv.Start()
		defer srv.Close()
		r, err := loadgen.Run(t.Context(), loadgen.Config{Publish: &loadgen.Publish{PostURL: srv.URL}, Rate: 100, Duration: 100 * time.Millisecond, Connections: 2})
		if err != nil || r.Accepted != 10 {
			t.Errorf("%s: accepted %d, %v", srv.URL, r.Accepted, err)
		}
		return
	}
	t.Skip("this machine has no address beside those of loopback")
}

// Answers that send elsewhere are counted by where they lead, and those of a server that
// speaks TLS as such.
func TestRunCountsRedirections(t *testing.T) {
	t.Parallel()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	plain := strings.Replace(secure.URL, "https://", "http://", 1)
	r, err := loadgen.Run(t.Context(), loadgen.Config{Publish: &loadgen.Publish{PostURL: plain}, Rate: 100, Duration: 100 * time.Millisecond, Connections: 2})
	if err != nil || r.Errors["400, it speaks TLS"] != 10 {
		t.Errorf("errors %v, %v", r.Errors, err)
	}
	url := serve(t, func(n int64, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", fmt.Sprintf("https://emo.example/pub?n=%d", n))
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	r, err = loadgen.Run(t.Context(), loadgen.Config{Publish: &loadgen.Publish{PostURL: url}, Rate: 100, Duration: 100 * time.Millisecond, Connections: 2})
	if err != nil || r.Rejected != 10 || r.Errors["307 to https://emo.example/pub"] != 10 {
		t.Errorf("rejected %d, errors %v, %v", r.Rejected, r.Errors, err)
	}
}

// What a target says may differ with each answer. It still makes few kinds of errors.
func TestRunBoundsTheKindsOfErrors(t *testing.T) {
	t.Parallel()
	url := serve(t, func(n int64, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", fmt.Sprintf("/login/%d/%d?n=%d", n, n, n))
		w.WriteHeader(http.StatusFound)
	})
	publish := func(url string) loadgen.Config {
		return loadgen.Config{Publish: &loadgen.Publish{PostURL: url}, Rate: 1000, Duration: 200 * time.Millisecond, Connections: 2, Drain: longTimeout}
	}
	r, err := loadgen.Run(t.Context(), publish(url))
	if err != nil || r.Errors["302 to "+url+"/login"] != 200 {
		t.Errorf("errors %v, %v", r.Errors, err)
	}
	url = serve(t, func(n int64, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", fmt.Sprintf("/%d", n))
		w.WriteHeader(http.StatusFound)
	})
	r, err = loadgen.Run(t.Context(), publish(url))
	if err != nil || len(r.Errors) != 51 || r.Errors["other errors"] != 150 {
		t.Errorf("%d kinds, %d others, %v", len(r.Errors), r.Errors["other errors"], err)
	}
}
