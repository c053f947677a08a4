package main

import (
	"crypto/tls"

	"github.com/spf13/pflag"

	"github.com/emostream/emostream/loadgen"
)

// benchTLSFlags say how bench speaks with its target: which certificates it trusts and
// shows, and by which version of HTTP. They have the names that curl gives them.
type benchTLSFlags struct {
	ca, cert, key string
	insecure      bool
	http2         bool
}

func (f *benchTLSFlags) add(fl *pflag.FlagSet) {
	fl.StringVar(&f.ca, "cacert", "", "trust the certificates of this PEM file, for https (default: those that the system trusts)")
	fl.StringVar(&f.cert, "cert", "", "PEM file of the certificate that this client shows, for https")
	fl.StringVar(&f.key, "key", "", "PEM file of the key of --cert (default: the file of --cert)")
	fl.BoolVar(&f.http2, "http2", false, "speak HTTP/2, over http with prior knowledge (default: HTTP/1.1)")
	fl.BoolVar(&f.insecure, "insecure", false, "do not check the target's certificate; the report says so")
}

// apply reads the files and sets what the flags say.
func (f *benchTLSFlags) apply(cfg *loadgen.Config) error {
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: f.insecure} //nolint:gosec // the user asked for it, and the report says so
	var err error
	if f.ca != "" {
		if f.insecure {
			return usagef("--cacert says which certificates to trust, and --insecure that none is checked: leave one out")
		}
		if c.RootCAs, err = readAuthorities(certificateFile{"--cacert", f.ca}); err != nil {
			return err
		}
	}
	if f.key != "" && f.cert == "" {
		return usagef("--key goes with --cert, the file of the key's certificate, which is not given")
	}
	if f.cert != "" {
		pair, err := f.pair()
		if err != nil {
			return err
		}
		c.Certificates = []tls.Certificate{*pair}
	}
	cfg.TLS, cfg.HTTP2 = c, f.http2
	return nil
}

// pair returns the certificate that this client shows, with its key.
func (f *benchTLSFlags) pair() (*tls.Certificate, error) {
	return keyPair(certificateFile{"--cert", f.cert}, certificateFile{"--key", f.key})
}

// remark returns what the live view says beside the target.
func (f *benchTLSFlags) remark() string {
	if f.insecure {
		return " (certificates not checked)"
	}
	return ""
}
