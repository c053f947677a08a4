package targets_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"flag"
	"strings"
	"testing"
)

var (
	tools  = flag.String("tools", "", "folder of the servers (make test-targets installs them); empty: no server is started")
	update = flag.Bool("update", false, "write the table of docs/bench.md anew")
)

// target is a server of others that takes events in and gives them out.
type target struct {
	name    string
	special string   // how it ends connections, or what else is special about it
	config  string   // its file under testdata/settings, if it has one
	command []string // what is written in capitals stands for what it is here: see newPlace
	behind  string   // the name of the target that it passes everything on to
	bench   []string // what bench is told
}

// key signs the tokens of the servers that want one. It stands in their programs, too.
const key = "a-key-of-tests-that-signs-nothing-else"

// token returns a JSON Web Token with some claims.
func token(claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encode([]byte(claims))
	sum := hmac.New(sha256.New, []byte(key))
	sum.Write([]byte(signed))
	return signed + "." + encode(sum.Sum(nil))
}

// targets are all servers that bench loads.
func targets() []target {
	plain := []string{"--post-url", "http://127.0.0.1:PORT/pub", "--stream-url", "http://127.0.0.1:PORT/sub"}
	secure := []string{"--post-url", "https://localhost:PORT/pub", "--stream-url", "https://localhost:PORT/sub", "--cacert", "DIR/pki/authorities/local/root.crt"}
	caddy := []string{"caddy", "run", "--adapter", "caddyfile", "--config", "CONFIG"}
	return []target{
		{"`emostream up`", "counts in windows", "", []string{"PROGRAM", "up", "--ephemeral", "--port", "PORT", "--broker-listen", "127.0.0.1:0"}, "", []string{"--server", "http://127.0.0.1:PORT"}},
		{"nchan", "takes 10 requests on a connection", "nginx.conf", []string{"nginx", "-p", "DIR", "-c", "CONFIG"}, "", plain},
		{"nchan, HTTP/2", "`--http2`; sends GOAWAY after 10 requests", "nginx-http2.conf", []string{"nginx", "-p", "DIR", "-c", "CONFIG"}, "", append([]string{"--http2"}, plain...)},
		{"Flask", "ends each connection after its answer", "", []string{"PYTHON", "-m", "flask", "--app", "app", "run", "--port", "PORT"}, "", plain},
		{"gunicorn", "`gthread`; ends connections that rest for 2 s", "", []string{"PYTHON", "-m", "gunicorn", "--worker-class", "gthread", "--threads", "100", "--keep-alive", "2", "--graceful-timeout", "1", "--bind", "127.0.0.1:PORT", "app:app"}, "", plain},
		{"Express", "ends connections that rest for 5 s, and says so", "", []string{"node", "NODE/express.mjs", "PORT"}, "", plain},
		{"HAProxy, Express behind", "answers 408 on connections that rest for 0.5 s", "haproxy.cfg", []string{"haproxy", "-db", "-f", "CONFIG"}, "Express", plain},
		{"Caddy, Express behind", "TLS", "Caddyfile", caddy, "Express", secure},
		{"Caddy, Express behind, HTTP/2", "`--http2`, TLS", "Caddyfile", caddy, "Express", append([]string{"--http2"}, secure...)},
		{"Mercure", "wants a token to publish and to listen", "", []string{"TOOLS/mercure", "127.0.0.1:PORT"}, "", []string{
			"--post-url", "http://127.0.0.1:PORT/.well-known/mercure", "--post-type", "application/x-www-form-urlencoded", "--post-body", "topic=reactions&data={{marker}}",
			"--stream-url", "http://127.0.0.1:PORT/.well-known/mercure?topic=reactions", "--header", "Authorization: Bearer ${TOKEN}",
		}},
		{"Centrifugo", "wants a key to publish and a token to listen", "centrifugo.json", []string{"TOOLS/centrifugo", "--config", "CONFIG"}, "", []string{
			"--post-url", "http://127.0.0.1:PORT/api/publish", "--post-body", `{"channel":"reactions","data":{"marker":"{{marker}}"}}`, "--header", "X-API-Key: " + key,
			"--stream-url", "http://127.0.0.1:PORT/connection/uni_sse?cf_connect=%7B%22token%22:%22${TOKEN}%22%7D",
		}},
	}
}

// claims are those of the token that is in the environment of bench.
const claims = `{"sub":"bench","channels":["reactions"],"mercure":{"publish":["*"],"subscribe":["*"]}}`

// loads are how each target is loaded, and what stands above their columns in the table.
func loads() map[string][]string {
	return map[string][]string{
		"2/s":             {"--rate", "2", "--duration", "20s"},
		"100/s":           {"--rate", "100", "--duration", "10s"},
		"a pause of 20 s": {"--stages", "2s:50,20s:0,2s:50"},
	}
}

// conditions are what each run must meet.
func conditions() []string {
	return []string{"in_doubt==0", "lost==0", "doubled==0", "gaps==0", "unsent==0", "rejected==0", "accepted>=40"}
}

// Whatever a server does with connections, every event that is due is sent once, accepted,
// and shown once.
func TestTargets(t *testing.T) {
	if *tools == "" {
		t.Skip("it needs the servers: make test-targets")
	}
	program := build(t)
	for _, of := range targets() {
		t.Run(of.name, func(t *testing.T) {
			t.Parallel()
			for name, load := range loads() {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					p := newPlace(t, program)
					p.startAll(of)
					p.bench(append(strings.Fields("bench --progress none --allow-invalid --listeners 2"), load...), of.bench)
				})
			}
		})
	}
	if *update {
		t.Cleanup(func() {
			if !t.Failed() {
				writeTable(t)
			}
		})
	}
}
