package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pemOf returns DER as text.
func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// certificateAndKey returns a certificate that signs itself, and its key, as PEM.
func certificateAndKey(t *testing.T) (cert, key string) {
	t.Helper()
	cert, key, err := newCertificate()
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// newCertificate returns a certificate for this machine that signs itself, and its key, as
// PEM.
func newCertificate() (cert, key string, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().AddDate(0, 0, 30), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return "", "", err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	return pemOf("CERTIFICATE", der), pemOf("PRIVATE KEY", keyDER), err
}

// An error about a file for TLS names the flag, the file and what to do.
func TestBenchNamesWrongCertificateFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	cert, key := certificateAndKey(t)
	_, otherKey := certificateAndKey(t)
	for name, text := range map[string]string{
		"cert.pem": cert, "key.pem": key, "both.pem": "\ufeff" + cert + key, "other.pem": otherKey, "text": "no certificate\n", "empty": "",
		"broken.pem": pemOf("CERTIFICATE", []byte("x")), "locked.pem": pemOf("ENCRYPTED PRIVATE KEY", []byte("x")),
		"locked-old.pem": "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\neA==\n-----END RSA PRIVATE KEY-----\n",
		"utf16.pem":      "\xff\xfe-\x00-\x00", "100%.pem": "x",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for flags, want := range map[string]string{
		"--cacert cert.pem":                     "",
		"--cert cert.pem --key key.pem":         "",
		"--cert both.pem":                       "",
		"--insecure":                            "",
		"--cacert missing.pem":                  "--cacert missing.pem: there is no such file: give",
		"--cacert .":                            "--cacert .: it cannot be read (is a directory): want a PEM file",
		"--cacert text":                         "--cacert text: there is no certificate in it: want a PEM file",
		"--cacert 100%.pem":                     "--cacert 100%.pem: there is no certificate in it: want a PEM file",
		"--cacert empty":                        "--cacert empty: there is no certificate in it: want a PEM file",
		"--cacert key.pem":                      "--cacert key.pem: there is a key in it and no certificate: give",
		"--cacert broken.pem":                   "--cacert broken.pem: its certificate cannot be read: copy",
		"--cacert utf16.pem":                    "--cacert utf16.pem: it is UTF-16",
		"--cacert cert.pem --insecure":          "--insecure that none is checked: leave one out",
		"--cert cert.pem":                       "--cert goes with --key, the file of the certificate's key, which is not given",
		"--key key.pem":                         "--key goes with --cert, the file of the key's certificate, which is not given",
		"--cert key.pem --key cert.pem":         "--cert key.pem: there is a key in it and no certificate: give",
		"--cert cert.pem --key cert.pem":        "--key cert.pem: there is no key in it: want a PEM file",
		"--cert cert.pem --key other.pem":       "--key other.pem: it is not the key of the certificate in --cert cert.pem: give",
		"--cert cert.pem --key missing.pem":     "--key missing.pem: there is no such file",
		"--cert cert.pem --key locked.pem":      "--key locked.pem: its key is behind a password: write it without one, with openssl",
		"--cert cert.pem --key locked-old.pem":  "--key locked-old.pem: its key is behind a password: write it without one, with openssl",
		"--cert broken.pem --key key.pem":       "--key key.pem: it does not go with --cert broken.pem (",
		"--cert missing.pem --key locked.pem":   "--cert missing.pem: there is no such file",
		"--cert missing.pem --cacert cert.pem ": "--cert missing.pem: there is no such file",
	} {
		t.Run(flags, func(t *testing.T) {
			var out bytes.Buffer
			args := strings.Fields("bench --duration 1ms --progress none --server http://127.0.0.1:1 " + flags)
			code := execute(t.Context(), streams{out: &out, err: &out}, args)
			if want == "" && (code != exitFailed || !strings.Contains(out.String(), "cannot be reached")) || want != "" && (code != exitUsage || !strings.Contains(out.String(), want)) {
				t.Errorf("it ends with %d, %s\nwant %q", code, out.String(), want)
			}
		})
	}
}

// A target whose certificate is not trusted is refused with the flags that help, and
// loaded with them.
func TestBenchOverTLS(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer srv.Close()
	trusted := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(trusted, []byte(pemOf("CERTIFICATE", srv.Certificate().Raw)), 0o600); err != nil {
		t.Fatal(err)
	}
	const unchecked = "certificates not checked"
	for flags, want := range map[string]struct {
		code  int
		says  string
		noted bool // above the figures, that no certificate was checked
	}{
		"":                     {exitFailed, "give the authority's certificate with --cacert, or check none with --insecure", false},
		"--cacert " + trusted:  {exitOK, "accepted 10", false},
		"--insecure":           {exitOK, unchecked, true},
		"--insecure --http2":   {exitFailed, "does not speak HTTP/2: leave out --http2", false},
		"--insecure -o json":   {exitOK, `"insecure": true`, false},
		"--insecure --rate 20": {exitOK, "certificates were not checked", true},
	} {
		t.Run(flags, func(t *testing.T) {
			var out bytes.Buffer
			args := strings.Fields("bench --rate 100 --duration 100ms --connections 2 --progress none --allow-invalid --post-url " + srv.URL + " " + flags)
			code := execute(t.Context(), streams{out: &out, err: &out}, args)
			said := strings.Join(strings.Fields(out.String()), " ")
			if code != want.code || !strings.Contains(said, want.says) || want.noted != strings.Contains(said, unchecked) {
				t.Errorf("it ends with %d, %s\nwant %d, %q", code, out.String(), want.code, want.says)
			}
		})
	}
}
