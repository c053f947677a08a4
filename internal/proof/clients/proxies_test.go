package clients_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// proxy is a proxy between a client and the server.
type proxy struct {
	name    string
	with    string   // what it is told
	config  string   // its file under testdata/proxies, if it has one
	command []string // DIR, CONFIG, FRONT, SERVER and NODE stand for what they are
}

// proxies are all that are tried.
var proxies = []proxy{
	{"nginx", "`gzip_types *`", "nginx.conf", nginx},
	{"two nginx in a row", "the inner one: `proxy_pass_header X-Accel-Buffering`", "two-nginx.conf", nginx},
	{"HAProxy", "`compression algo gzip`, `timeout server 30s`", "haproxy.cfg", []string{"haproxy", "-db", "-f", "CONFIG"}},
	{"Caddy", "`encode` for all but streams", "Caddyfile", []string{"caddy", "run", "--adapter", "caddyfile", "--config", "CONFIG"}},
	{"Express", "`compression()` and http-proxy-middleware; after the kill the client leaves a silent stream", "", []string{"node", "NODE/express.mjs", "FRONT", "http://SERVER"}},
}

var nginx = []string{"nginx", "-p", "DIR", "-c", "CONFIG"}

// behindProxies is the client that listens through each proxy. It asks for gzip.
var behindProxies = client{language: "Go", program: "nethttp"}

// startProxy runs a proxy until the test ends, and returns its base URL.
func (in *installation) startProxy(p proxy) string {
	in.t.Helper()
	front, dir := in.address(), filepath.Join(in.dir, strings.ReplaceAll(p.name, " ", "-"))
	config := filepath.Join(dir, "config")
	replacer := strings.NewReplacer("DIR", dir, "CONFIG", config, "FRONT", front, "SECOND", in.address(),
		"SERVER", strings.TrimPrefix(in.subscriber.url, "http://"), "NODE", filepath.Join(*tools, "node"))
	if err := os.Mkdir(dir, 0o700); err != nil {
		in.t.Fatal(err)
	}
	if p.config != "" {
		text, err := os.ReadFile(filepath.Join("testdata/proxies", p.config))
		if err != nil {
			in.t.Fatal(err)
		}
		if err := os.WriteFile(config, []byte(replacer.Replace(string(text))), 0o600); err != nil {
			in.t.Fatal(err)
		}
	}
	var command []string
	for _, arg := range p.command {
		command = append(command, replacer.Replace(arg))
	}
	if path, err := exec.LookPath("/usr/sbin/" + command[0]); err == nil { // daemons are in a folder that is not in everybody's PATH
		command[0] = path
	}
	in.start(p.name, command...)
	until(in.t, p.name+" listens", func() error {
		conn, err := net.Dial("tcp", front)
		if err != nil {
			return err
		}
		return conn.Close()
	})
	return "http://" + front
}
