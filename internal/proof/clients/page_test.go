package clients_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/emostream/emostream/internal/proof/process"
)

// servePage serves the page with the clients of Chromium, and takes what it tells.
func (in *installation) servePage() {
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServer(http.Dir("testdata/page")))
	modules := filepath.Join(*tools, "node/node_modules")
	mux.HandleFunc("GET /modules/{path...}", func(w http.ResponseWriter, r *http.Request) {
		path := filepath.Join(modules, filepath.FromSlash(r.PathValue("path")))
		if _, err := os.Stat(path); err != nil {
			path += ".js" // modules that are made for bundlers leave it out
		}
		http.ServeFile(w, r, path)
	})
	mux.HandleFunc("POST /shown/{program}", func(_ http.ResponseWriter, r *http.Request) {
		if m := in.pages[r.PathValue("program")]; m != nil {
			var line json.RawMessage
			if err := json.NewDecoder(r.Body).Decode(&line); err == nil {
				_, _ = m.Write(append(line, '\n')) // cannot fail
			}
		}
	})
	srv := httptest.NewServer(mux)
	in.t.Cleanup(srv.Close)
	in.page = srv.URL
}

// openPage lets Chromium show the page until the test ends. All of its clients are in
// one page. Each knows the server by a name of its own, since a browser opens at most
// six streams to one.
func (in *installation) openPage() (all crowd) {
	in.t.Helper()
	said := &log{}
	address, err := url.Parse(in.subscriber.url)
	if err != nil {
		in.t.Fatal(err)
	}
	ask := url.Values{}
	for _, c := range clients {
		if c.language == "Chromium" {
			m := &member{c.String(), c.cannot, &shown{}, said}
			all = append(all, m)
			in.pages[c.program] = m
			ask.Set(c.program, "http://"+strings.TrimSuffix(c.program, ".mjs")+".localhost:"+address.Port()+"/v1/swarm")
		}
	}
	ctx, end := context.WithCancel(context.WithoutCancel(in.t.Context()))
	profile, err := os.MkdirTemp("", "clients-chromium-")
	if err != nil {
		in.t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--no-proxy-server", "--disable-background-networking", "--remote-debugging-port=0", "--enable-logging=stderr", "--user-data-dir="+profile, in.page+"/?"+ask.Encode())
	cmd.Stderr = said
	var running sync.WaitGroup
	running.Go(func() { _ = process.Run(cmd) }) // what it has shown is judged
	in.t.Cleanup(func() {
		end()
		running.Wait()
		_ = os.RemoveAll(profile) // fails if Chromium's last process still writes there
	})
	return all
}
