package loadgen_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/loadgen/report"
)

// authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test Authority"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a := authority{template, nil}
	pair := a.sign(t, template)
	return authority{pair.Leaf, pair.PrivateKey.(*ecdsa.PrivateKey)}
}

// sign returns a new key and a certificate for it. An authority without a key signs
// itself.
func (a authority) sign(t *testing.T, template *x509.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer := a.key
	if signer == nil {
		signer = key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// issue returns a certificate for 127.0.0.1 that change has changed.
func (a authority) issue(t *testing.T, change func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "emo"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	change(template)
	return a.sign(t, template)
}

func (a authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

func unchanged(*x509.Certificate) {}

// serveTLS starts a server with a configuration of TLS, and returns its URL.
func serveTLS(t *testing.T, c *tls.Config, h http.Handler) string {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = quiet
	srv.TLS = c
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv.URL
}

// quiet is the log of servers whose complaints are wanted.
var quiet = log.New(io.Discard, "", 0)

func ok(http.ResponseWriter, *http.Request) {}

// tenPosts is a short load on url.
func tenPosts(url string, c *tls.Config) loadgen.Config {
	return loadgen.Config{Publish: &loadgen.Publish{PostURL: url}, TLS: c, Rate: 100, Duration: 100 * time.Millisecond, Connections: 2, Timeout: longTimeout}
}

// What is wrong with a certificate is said before anything is sent.
func TestRunNamesWhatIsWrongWithCertificates(t *testing.T) {
	t.Parallel()
	ours, others := newAuthority(t), newAuthority(t)
	good := ours.issue(t, unchanged)
	trusting := func(shown ...tls.Certificate) *tls.Config {
		return &tls.Config{RootCAs: ours.pool(), Certificates: shown, MinVersion: tls.VersionTLS12}
	}
	with := func(change func(*x509.Certificate)) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{ours.issue(t, change)}, MinVersion: tls.VersionTLS12}
	}
	wanting := func(version uint16) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{good}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ours.pool(), MinVersion: version, MaxVersion: version}
	}
	for name, tt := range map[string]struct {
		server, client *tls.Config
		problem        loadgen.TLSProblem // empty: all is well
		want           string
	}{
		"a known authority":    {with(unchanged), trusting(), "", ""},
		"an unknown authority": {with(unchanged), nil, loadgen.UnknownAuthority, "signed by an authority which this machine does not know (CN=Test Authority)"},
		"nothing is checked":   {with(unchanged), &tls.Config{InsecureSkipVerify: true}, "", ""},
		"expired": {with(func(c *x509.Certificate) {
			c.NotAfter = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
			c.NotBefore = c.NotAfter.Add(-1)
		}), trusting(), loadgen.CertificateExpired, "expired at 2026-01-02T03:04:05Z"},
		"not valid yet": {with(func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)
		}), trusting(), loadgen.CertificateTooNew, "is valid only from 20"},
		"another name":                        {with(func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"a.example", "b.example"} }), trusting(), loadgen.OtherName, "is for a.example, b.example"},
		"a certificate is wanted":             {wanting(tls.VersionTLS13), trusting(), loadgen.NoCertificate, "wants a certificate of its clients (certificate required)"},
		"a certificate is wanted, TLS 1.2":    {wanting(tls.VersionTLS12), trusting(), loadgen.NoCertificate, "wants a certificate of its clients (handshake failure)"},
		"a certificate is shown":              {wanting(tls.VersionTLS13), trusting(good), "", ""},
		"a certificate is shown, TLS 1.2":     {wanting(tls.VersionTLS12), trusting(good), "", ""},
		"another one is wanted":               {wanting(tls.VersionTLS13), trusting(others.issue(t, unchanged)), loadgen.RefusedCertificate, "refuses the certificate of this client (unknown certificate authority)"},
		"another one is wanted, TLS 1.2":      {wanting(tls.VersionTLS12), trusting(others.issue(t, unchanged)), loadgen.RefusedCertificate, "refuses the certificate of this client (unknown certificate authority)"},
		"one is asked for and need not be":    {&tls.Config{Certificates: []tls.Certificate{good}, ClientAuth: tls.RequestClientCert}, trusting(), "", ""},
		"one is shown that nobody asked for":  {with(unchanged), trusting(good), "", ""},
		"the authority of the other is known": {with(unchanged), &tls.Config{RootCAs: others.pool()}, loadgen.UnknownAuthority, "CN=Test Authority"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := serveTLS(t, tt.server, http.HandlerFunc(ok))
			for _, cfg := range []loadgen.Config{tenPosts(url, tt.client), {Server: url, TLS: tt.client, Rate: 10, Duration: 100 * time.Millisecond}} {
				r, err := loadgen.Run(t.Context(), cfg)
				failed, isTLS := errors.AsType[*loadgen.TLSError](err)
				switch {
				case tt.problem == "" && cfg.Publish != nil && (err != nil || r.Accepted != 10):
					t.Errorf("%d accepted, %v: %v", r.Accepted, err, r.Errors)
				case tt.problem == "" && isTLS:
					t.Error(err)
				case tt.problem != "" && (!isTLS || failed.Problem != tt.problem || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), url)):
					t.Errorf("got  %v\nwant %s", err, tt.want)
				}
			}
		})
	}
}

// A run that checked no certificates says so.
func TestRunSaysThatCertificatesAreNotChecked(t *testing.T) {
	t.Parallel()
	url := serveTLS(t, nil, http.HandlerFunc(ok))
	r, err := loadgen.Run(t.Context(), tenPosts(url, &tls.Config{InsecureSkipVerify: true}))
	if err != nil {
		t.Fatal(err)
	}
	noted := func(s string) bool { return strings.Contains(s, "certificates were not checked") }
	if !r.Options.Insecure || !slices.ContainsFunc(r.Notes, noted) {
		t.Errorf("insecure %v, notes %q", r.Options.Insecure, r.Notes)
	}
}

// A certificate that is refused in the middle of a run leaves nothing in doubt: the server
// has read nothing.
func TestRefusedCertificatesLeaveNoDoubt(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	var seen atomic.Int64
	url := serveTLS(t, &tls.Config{
		Certificates: []tls.Certificate{a.issue(t, unchanged)}, ClientAuth: tls.RequestClientCert, MaxVersion: tls.VersionTLS12,
		VerifyConnection: func(tls.ConnectionState) error {
			if seen.Add(1) == 1 {
				return nil // that of the trial before the run
			}
			return &tls.CertificateVerificationError{Err: errors.New("not today")}
		},
	}, http.HandlerFunc(ok))
	r, err := loadgen.Run(t.Context(), tenPosts(url, &tls.Config{RootCAs: a.pool()}))
	if err != nil || r.Sent != 10 || r.Rejected != 10 || r.Errors[string(loadgen.NoCertificate)] != 10 {
		t.Errorf("sent %d, rejected %d, in doubt %d, %v, %v", r.Sent, r.Rejected, r.InDoubt, r.Errors, err)
	}
}

// A handshake counts where it is waited for: in the latency of a request that is due at
// once, and in that of a stream; not in that of a request for which there was time.
func TestHandshakesCountWhereTheyAreWaitedFor(t *testing.T) {
	t.Parallel()
	const delay = 300 * time.Millisecond
	a := newAuthority(t)
	slow := &tls.Config{
		Certificates: []tls.Certificate{a.issue(t, unchanged)},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			<-time.After(delay)
			return nil, nil //nolint:nilnil // that is how it says that nothing changes
		},
	}
	url := serveTLS(t, slow, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.Header().Set("Content-Type", "text/event-stream")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
	}))
	cfg := tenPosts(url, &tls.Config{RootCAs: a.pool()})
	cfg.Publish.StreamURLs, cfg.BalanceTimeout = []string{url}, time.Millisecond
	r, err := loadgen.Run(t.Context(), cfg)
	if err != nil || r.Accepted != 10 {
		t.Fatalf("%d accepted, %v", r.Accepted, err)
	}
	const resolution = 0.99 // of a histogram
	least := report.InMS(delay) * resolution
	// All requests are due while the two connections are dialled, which began 100 ms before.
	if ack, connect := r.Latency[report.Ack].Max, r.Latency[report.Connect].Max; ack < least-100 || connect < least {
		t.Errorf("ack %v ms, SSE connect %v ms: want at least %v and %v", ack, connect, least-100, least)
	}
	if late := r.Latency[report.SendDelay].Max; late >= least-100 {
		t.Errorf("the generator itself is said to be %v ms late", late)
	}
}

// Some servers say by HTTP that they miss a certificate.
func TestCertificateWantedByAnswer(t *testing.T) {
	t.Parallel()
	url := serve(t, func(_ int64, w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "<center><h1>400 Bad Request</h1></center>\n<center>No required SSL certificate was sent</center>", http.StatusBadRequest)
	})
	r, err := loadgen.Run(t.Context(), tenPosts(url, nil))
	if err != nil || r.Rejected != 10 || r.Errors["400, client certificate wanted"] != 10 {
		t.Errorf("rejected %d, %v, %v", r.Rejected, r.Errors, err)
	}
	_, err = loadgen.Run(t.Context(), loadgen.Config{Server: url, Rate: 10, Duration: 100 * time.Millisecond})
	if wanted, ok := errors.AsType[*loadgen.TLSError](err); !ok || wanted.Problem != loadgen.NoCertificate {
		t.Errorf("a main server: %v", err)
	}
}
