package loadgen_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/loadgen"
)

// writePEM writes a certificate and its key to a file.
func writePEM(t *testing.T, path string, c tls.Certificate) {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})
	text = append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// startCaddy starts Caddy in front of a server, with TLS and HTTP/2. It closes
// connections that rest for some time. It returns its URL.
func startCaddy(t *testing.T, behind string, c tls.Certificate, rest time.Duration) string {
	t.Helper()
	program, err := exec.LookPath("caddy")
	if err != nil {
		t.Skip("caddy is not installed")
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	dir := t.TempDir()
	writePEM(t, filepath.Join(dir, "both.pem"), c)
	config := fmt.Sprintf(`{
	admin off
	auto_https off
	servers {
		timeouts {
			idle %v
		}
	}
}
https://%s {
	tls both.pem both.pem
	reverse_proxy %s {
		flush_interval -1
	}
}
`, rest, address, behind)
	if err := os.WriteFile(filepath.Join(dir, "Caddyfile"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "run", "--adapter", "caddyfile", "--config", "Caddyfile")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(longTimeout); time.Now().Before(end); <-tick.C {
		if conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address); err == nil {
			_ = conn.Close()
			return "https://" + address
		}
	}
	t.Fatal("caddy does not listen")
	return ""
}

// Through Caddy with HTTP/2, nothing is in doubt, lost or doubled, whether few or many
// requests are sent, or none for longer than connections may rest.
func TestRunThroughCaddy(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	for name, stages := range map[string]string{"few": "3s:2", "many": "1s:200", "a pause": "500ms:100,3s:0,500ms:100"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &hub{news: make(chan struct{})}
			srv := httptest.NewServer(h)
			t.Cleanup(srv.Close) // after Caddy has ended, which keeps streams that its clients have left
			url := startCaddy(t, srv.Listener.Addr().String(), a.issue(t, unchanged), time.Second)
			r, err := loadgen.Run(t.Context(), loadgen.Config{
				Publish: &loadgen.Publish{PostURL: url + "/pub", StreamURLs: []string{url + "/sub"}}, TLS: &tls.Config{RootCAs: a.pool()}, HTTP2: true,
				Stages: stages, Connections: 16, Listeners: 2, Timeout: longTimeout, Drain: longTimeout, BalanceTimeout: longTimeout,
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(balance{Sent: r.Sent, Accepted: r.Sent, Counted: r.Sent}, balanceOf(t, r)); diff != "" || r.Sent == 0 || len(r.Errors) > 0 {
				t.Errorf("balance (-want +got):\n%s\n%v", diff, r.Errors)
			}
		})
	}
}
