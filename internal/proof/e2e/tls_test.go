package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	chromium "github.com/emostream/emostream/internal/proof/browser"
)

// The examples of nginx and Caddy under deploy work. Only addresses and the certificate
// are replaced. A client reaches the main server through the proxy by https, is sent to
// a stream behind the same proxy, and sees its reaction there. So does the page, which needs
// no invitation.
func TestBehindTLS(t *testing.T) {
	sideBySide(t)
	for name, front := range map[string]func(t *testing.T, program, at string, cert certificate, to *strings.Replacer) (logged func() string){
		"nginx": frontNginx, "caddy": frontCaddy,
	} {
		t.Run(name, func(t *testing.T) {
			program := skipWithout(t, name, name)
			at, mainAt, subAt := free(t), free(t), free(t)
			cert := selfSigned(t)
			url := "https://" + at
			brokers, keys := "localhost:"+port(free(t)), filepath.Join(t.TempDir(), "tickets")
			if err := os.WriteFile(keys, []byte(strings.Repeat("k", 40)), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, stage := range [][]string{
				{"broker", "--ephemeral", "--listen", brokers},
				{"serve", "--web", "--listen", mainAt, "--trusted-proxies", "127.0.0.1", "--ticket-key-file", keys, "--brokers", brokers},
				{"aggregate", "--brokers", brokers},
				{"publish", "--clusters", "cluster_1", "--brokers", brokers},
				{"subscribe", "--name", "sub1", "--listen", subAt, "--public-url", url + "/sub1", "--ticket-key-file", keys, "--brokers", brokers},
			} {
				start(t, stage...)
			}
			logged := front(t, program, at, cert, strings.NewReplacer("127.0.0.1:5000", mainAt, "127.0.0.1:5001", subAt, "127.0.0.1:5002", free(t)))
			client := cert.client()
			stream := streamOf(t, client, url)
			if want := url + "/sub1/v1/swarm?ticket="; !strings.HasPrefix(stream, want) {
				t.Fatalf("clients are sent to %s, want %s", stream, want)
			}
			res, err := client.Get(stream)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" || res.ProtoMajor != 2 {
				t.Errorf("answered %s %s %v", res.Proto, res.Status, res.Header)
			}
			postReaction(t, client, url+"/send_emoji", "application/json", `{"status":"Message queued"`)
			hears(t, res.Body, `"total":1,"emojis":[{"emoji_type":"🔥"`)
			postReaction(t, client, url+"/v1/reactions", "application/x-ndjson", `{"accepted":1,"rejected":0`)
			_ = res.Body.Close()
			if again, err := client.Get(strings.Replace(stream, "/sub1/", "/sub2/", 1)); err != nil || again.StatusCode != http.StatusBadGateway {
				t.Errorf("a server that is not there: %v, %v", again, err)
			} else {
				_ = again.Body.Close()
			}
			t.Run("page", func(t *testing.T) { pageTaps(t, url) })
			until(t, "what was asked for is logged", func() error {
				log := logged()
				if ticket := stream[strings.Index(stream, "ticket=")+len("ticket="):]; strings.Contains(log, ticket) {
					t.Fatalf("the ticket %s stands in the log:\n%s", ticket, log)
				}
				if !strings.Contains(log, "/sub2/v1/swarm") {
					return errors.New(log)
				}
				return nil
			})
		})
	}
}

// pageTaps taps on the page at url, in a browser that speaks HTTP/2 to the proxy. A page
// that gets anything but what it should fails the test.
func pageTaps(t *testing.T, url string) {
	t.Helper()
	tab := chromium.Open(t, chromium.Phone)
	tab.TrustAny()
	tab.Go(url + "/")
	tab.Until(`document.querySelector("#connection").innerText === "Live" && document.querySelector(".dock [data-emoji='🚀']")`)
	tab.Touch(`.dock [data-emoji='🚀']`)
	tab.Until(`document.querySelector("#mine").innerText.includes("1 counted")`)
	tab.Until(`document.querySelector("#ranks").innerText.includes("🚀")`)
	if other := chromium.Eval[string](tab, `performance.getEntriesByType("resource").filter(e => e.nextHopProtocol !== "h2" || new URL(e.name).origin !== origin).map(e => e.name).join()`); other != "" {
		t.Errorf("the page asks elsewhere, or not over HTTP/2: %s", other)
	}
	for path, kind := range map[string]string{
		"/overlay": "text/html", "/overlay/setup": "text/html", "/emostream.js": "text/javascript", "/page.css": "text/css",
		"/favicon.ico": "image/", "/favicon.svg": "image/svg+xml", "/robots.txt": "text/plain", "/openapi.yaml": "application/yaml",
	} {
		if got := chromium.Eval[string](tab, fmt.Sprintf(`fetch(%q).then(r => r.status + " " + r.headers.get("Content-Type"))`, path)); !strings.HasPrefix(got, "200 "+kind) {
			t.Errorf("%s is answered with %s", path, got)
		}
	}
}

// streamOf waits until the main server assigns clients, and returns the stream's URL.
func streamOf(t *testing.T, client *http.Client, url string) (stream string) {
	t.Helper()
	until(t, "a subscriber server is announced", func() error {
		res, err := client.Get(url + "/register")
		if err != nil {
			return err
		}
		defer res.Body.Close()
		var said struct {
			StreamURL string `json:"stream_url"`
		}
		if err := json.NewDecoder(res.Body).Decode(&said); err != nil || said.StreamURL == "" {
			return fmt.Errorf("%s, %w", res.Status, err)
		}
		stream = said.StreamURL
		return nil
	})
	return stream
}

// postReaction sends one reaction. It fails unless the answer is 200 and begins with
// want.
func postReaction(t *testing.T, client *http.Client, url, contentType, want string) {
	t.Helper()
	res, err := client.Post(url, contentType, strings.NewReader(`{"user_id":"ann","emoji_type":"🔥"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if said, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusOK || !strings.HasPrefix(string(said), want) {
		t.Fatalf("%s answers %s %s", url, res.Status, said)
	}
}

// example returns the text of a file under deploy.
func example(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../../deploy", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func frontNginx(t *testing.T, nginx, at string, cert certificate, to *strings.Replacer) (logged func() string) {
	t.Helper()
	logs := t.TempDir()
	site := to.Replace(strings.NewReplacer("listen 443 ", "listen "+at+" ",
		"/etc/ssl/emostream.crt", cert.file, "/etc/ssl/emostream.key", cert.key, "/var/log/nginx", logs).Replace(example(t, "nginx/emostream.conf")))
	runNginx(t, nginx, site)
	return func() string {
		access, _ := os.ReadFile(filepath.Join(logs, "emostream.log"))
		failures, _ := os.ReadFile(filepath.Join(logs, "error.log"))
		return string(access) + string(failures)
	}
}

func frontCaddy(t *testing.T, caddy, at string, cert certificate, to *strings.Replacer) (logged func() string) {
	t.Helper()
	dir := t.TempDir()
	logs := filepath.Join(dir, "log")
	site := to.Replace(strings.NewReplacer("\n{\n", "\n{\n\tadmin off\n\tauto_https disable_redirects\n", "\tlog {\n", "\tlog {\n\t\toutput file "+logs+"\n", "emo.example {", fmt.Sprintf("https://%s {\n\ttls %s %s", at, cert.file, cert.key)).
		Replace(example(t, "caddy/Caddyfile")))
	path := filepath.Join(dir, "Caddyfile")
	if err := os.WriteFile(path, []byte(site), 0o600); err != nil {
		t.Fatal(err)
	}
	startProgram(t, caddy, []string{"HOME=" + dir, "XDG_DATA_HOME=" + dir, "XDG_CONFIG_HOME=" + dir}, "run", "--config", path, "--adapter", "caddyfile")
	return func() string {
		text, _ := os.ReadFile(logs)
		return string(text)
	}
}

// certificate is a self-signed certificate for 127.0.0.1, in two files.
type certificate struct {
	file, key string
	pool      *x509.CertPool
}

func selfSigned(t *testing.T) certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "emostream"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c := certificate{filepath.Join(dir, "crt"), filepath.Join(dir, "key"), x509.NewCertPool()}
	for path, block := range map[string]*pem.Block{c.file: {Type: "CERTIFICATE", Bytes: der}, c.key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c.pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return c
}

// client returns a client that trusts the certificate and speaks HTTP/2, as browsers
// do.
func (c certificate) client() *http.Client {
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: c.pool}, ForceAttemptHTTP2: true, ResponseHeaderTimeout: maxWait,
	}}
}
