package main

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/url"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/httpserve"
)

// httpsFlags say with which certificate a server speaks HTTPS.
type httpsFlags struct {
	cert, key   string
	certificate *httpserve.Certificate // nil until open, and without the flags
}

func (f *httpsFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.cert, "https-cert", "", "speak HTTPS, and HTTP/2, with the certificate and its chain in this PEM file, which is read again when it changes; default HTTP")
	cmd.Flags().StringVar(&f.key, "https-key", "", "PEM file of the key of --https-cert (default: the file of --https-cert)")
}

// on says whether HTTPS is spoken.
func (f *httpsFlags) on() bool { return f.cert != "" }

// open reads the files, if HTTPS is to be spoken.
func (f *httpsFlags) open(log *slog.Logger, metrics prometheus.Registerer) (err error) {
	if f.key != "" && f.cert == "" {
		return usagef("--https-key goes with --https-cert, the file of the key's certificate, which is not given")
	}
	if f.on() {
		if f.certificate, err = httpserve.OpenCertificate(f.pair, log); err != nil {
			return err
		}
	}
	reg := promauto.With(metrics)
	reg.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "emostream_https_certificate_expires_timestamp_seconds", Help: "When the certificate expires that is shown over HTTPS, as Unix time; 0 without HTTPS.",
	}, f.expires)
	reg.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "emostream_https_certificate_stale", Help: "1 while the files for HTTPS cannot be used, so that the certificate read before is shown on, else 0.",
	}, f.stale)
	return nil
}

func (f *httpsFlags) expires() float64 {
	if f.certificate == nil {
		return 0
	}
	return float64(f.certificate.Leaf().NotAfter.Unix())
}

func (f *httpsFlags) stale() float64 {
	if f.certificate == nil || f.certificate.Err() == nil {
		return 0
	}
	return 1
}

// pair reads the certificate with its key.
func (f *httpsFlags) pair() (*tls.Certificate, error) {
	return keyPair(certificateFile{"--https-cert", f.cert}, certificateFile{"--https-key", f.key})
}

// untrusted returns the file of the certificate if this machine does not trust it for a
// URL; empty: it does, or HTTPS is not spoken.
func (f *httpsFlags) untrusted(of string) string {
	u, err := url.Parse(of)
	if !f.on() || err != nil {
		return ""
	}
	pair, err := f.pair()
	if err != nil {
		return "" // it is being renewed
	}
	chain := x509.NewCertPool()
	for _, der := range pair.Certificate[1:] {
		if c, err := x509.ParseCertificate(der); err == nil {
			chain.AddCert(c)
		}
	}
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{DNSName: u.Hostname(), Intermediates: chain}); err != nil {
		return f.cert
	}
	return ""
}

// scheme returns that of the URLs of the server.
func (f *httpsFlags) scheme() string {
	if f.on() {
		return "https"
	}
	return "http"
}

// urlAt returns the base URL of the server at an address, host:port.
func (f *httpsFlags) urlAt(addr string) string {
	return f.scheme() + strings.TrimPrefix(urlAt(addr), "http")
}

// checkPublicURL refuses a URL of plain HTTP for a server that speaks HTTPS: whoever
// followed it would be refused.
func (f *httpsFlags) checkPublicURL(given string) error {
	if f.on() && strings.HasPrefix(given, "http://") {
		return usagef("--public-url %.60q begins with http://, and with --https-cert the server speaks HTTPS: want https://", given)
	}
	return nil
}
