package e2e_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Clients of HTTP/1.1, of HTTP/1.0, and ones that ask for unusual things are all shown
// the newest window at once.
func TestPlainClients(t *testing.T) {
	sideBySide(t)
	s := subscribe(t)
	s.publish(1, 2)
	for name, tt := range map[string]struct {
		request string
		proto   string
	}{
		"HTTP/1.1":                        {"GET /v1/swarm HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1"},
		"HTTP/1.0":                        {"GET /v1/swarm HTTP/1.0\r\nHost: localhost\r\n\r\n", "HTTP/1"},
		"HTTP/1.0 that would be kept":     {"GET /v1/swarm HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n", "HTTP/1"},
		"a proxy that asks to be closed":  {"GET /v1/swarm HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "HTTP/1.1"},
		"one that sends more than it has": {"GET /v1/swarm HTTP/1.1\r\nHost: localhost\r\n\r\nGET /v1/swarm HTTP/1.1\r\n", "HTTP/1.1"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, tt.request); err != nil {
				t.Fatal(err)
			}
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				_ = conn.Close() // closed first, since closing the body would read it to its end
				_ = res.Body.Close()
			}()
			checkHead(t, res)
			if !strings.HasPrefix(res.Proto, tt.proto) || strings.Contains(tt.request, "HTTP/1.0") && len(res.TransferEncoding) > 0 {
				t.Errorf("answered in %s, %v", res.Proto, res.TransferEncoding)
			}
			hears(t, res.Body, s.frame(2))
		})
	}
}

func checkHead(t *testing.T, res *http.Response) {
	t.Helper()
	h := res.Header
	if res.StatusCode != http.StatusOK || h.Get("Content-Type") != "text/event-stream; charset=utf-8" || h.Get("Cache-Control") != "no-store, no-transform" || h.Get("X-Accel-Buffering") != "no" {
		t.Errorf("answered %s %v", res.Status, h)
	}
	if h.Get("Content-Length") != "" {
		t.Errorf("a stream of length %s", h.Get("Content-Length"))
	}
}

// HEAD has the headers of GET, opens no stream, and leaves the connection usable.
func TestHeadOfAStream(t *testing.T) {
	sideBySide(t)
	s := subscribe(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	for _, path := range []string{"/v1/swarm", "/sub1", "/v1/swarm"} {
		req := fmt.Sprintf("HEAD %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path)
		if _, err := io.WriteString(conn, req); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(r, &http.Request{Method: http.MethodHead})
		if err != nil {
			t.Fatal(err)
		}
		checkHead(t, res)
		_ = res.Body.Close()
	}
}

// curl shows a stream, whatever it is asked to negotiate, and resumes after a window.
func TestCurl(t *testing.T) {
	sideBySide(t)
	curl := skipWithout(t, "curl", "curl")
	s := subscribe(t)
	s.publish(1, 2, 3)
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"as it is":                {nil, s.frame(3)},
		"with HTTP/1.0":           {[]string{"--http1.0"}, s.frame(3)},
		"asking for HTTP/2":       {[]string{"--http2"}, s.frame(3)},
		"asking for compression":  {[]string{"--compressed"}, s.frame(3)},
		"with the id of a window": {[]string{"-H", "Last-Event-ID: " + s.id(1)}, s.frame(2) + s.frame(3)},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(curl, append([]string{"-sSN", s.url + "/v1/swarm"}, tt.args...)...)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
			}()
			hears(t, out, tt.want)
		})
	}
	out, err := exec.Command(curl, "-sSI", s.url+"/v1/swarm").CombinedOutput()
	if err != nil || !strings.Contains(strings.ToLower(string(out)), "content-type: text/event-stream; charset=utf-8\r\n") {
		t.Errorf("curl -I says %s, %v", out, err)
	}
}

// Behind nginx events arrive at once, with the recommended settings and with others. By
// default nginx asks in HTTP/1.0 and holds answers back until a buffer is full.
func TestBehindNginx(t *testing.T) {
	sideBySide(t)
	nginx := skipWithout(t, "nginx", "nginx")
	s, n := subscribe(t), 0
	for name, settings := range map[string]string{
		"as it comes":          "",
		"as docs/http.md says": "proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_read_timeout 1h;",
		"without buffers":      "proxy_buffering off;",
		"with its own caches":  "proxy_cache streams; proxy_cache_valid any 1m;",
		"compressing":          "gzip on; gzip_types *; gzip_min_length 1;",
	} {
		t.Run(name, func(t *testing.T) {
			n++
			isHeardAt(t, s, proxy(t, nginx, s.url, settings), n)
		})
	}
}

// So do they behind two nginx in a row, of which one has the setting that docs/http.md
// names.
func TestBehindTwoNginx(t *testing.T) {
	sideBySide(t)
	nginx := skipWithout(t, "nginx", "nginx")
	s, n := subscribe(t), 0
	for name, settings := range map[string][2]string{
		"the first passes on what it is told": {"proxy_pass_header X-Accel-Buffering;", ""},
		"the second does not buffer":          {"", "proxy_buffering off;"},
	} {
		t.Run(name, func(t *testing.T) {
			n++
			isHeardAt(t, s, proxy(t, nginx, proxy(t, nginx, s.url, settings[0]), settings[1]), n)
		})
	}
}

// isHeardAt publishes window n of a server, and waits until it comes through the proxy at url.
func isHeardAt(t *testing.T, s *subscriber, url string, n int) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{ResponseHeaderTimeout: maxWait}}
	res, err := client.Get(url + "/v1/swarm")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" || res.Header.Get("Cache-Control") != "no-store, no-transform" {
		t.Errorf("answered %s %v", res.Status, res.Header)
	}
	s.publish(n)
	hears(t, res.Body, s.frame(n))
}

// proxy runs nginx in front of a server until the test ends, and returns its URL.
func proxy(t *testing.T, nginx, server, settings string) string {
	t.Helper()
	at := free(t)
	runNginx(t, nginx, fmt.Sprintf("server { listen %s; location / { proxy_pass %s; %s } }", at, server, settings))
	until(t, "nginx answers", func() error {
		res, err := http.Get("http://" + at + "/healthz")
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("%s", res.Status)
		}
		return nil
	})
	return "http://" + at
}

// runNginx runs nginx until the test ends. site is text for the http section of its
// configuration.
func runNginx(t *testing.T, nginx, site string) {
	t.Helper()
	dir := t.TempDir()
	var folders strings.Builder
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&folders, "%s_temp_path %s;\n", kind, filepath.Join(dir, kind))
	}
	config := fmt.Sprintf(`daemon off;
master_process off;
pid %[1]s/pid;
error_log stderr;
events {}
http {
  access_log off;
  proxy_cache_path %[1]s/cache keys_zone=streams:1m;
  %[2]s
  %[3]s
}
`, dir, folders.String(), site)
	path := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	startProgram(t, nginx, nil, "-p", dir, "-c", path)
}
