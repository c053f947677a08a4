package e2e_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"os"
	"testing"
)

// The files of the certificate are replaced while everything runs, as certbot does, one after
// the other. New connections are shown the new certificate; the server is not restarted, and a
// stream that was open goes on.
func TestCertificateIsReplaced(t *testing.T) {
	sideBySide(t)
	old, renewed := selfSigned(t), selfSigned(t)
	_, in := up(t, "--ephemeral", "--subscribers", "1", "--clusters", "1", "--https-cert", old.file, "--https-key", old.key)
	main, before := in.main[0], old.client()
	stream, err := before.Get(streamOf(t, before, main))
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	postReaction(t, before, main+"/send_emoji", "application/json", `{"status":"Message queued"`)
	hears(t, stream.Body, `"total":1,"emojis":[{"emoji_type":"🔥"`)

	replace := func(path, by string) {
		t.Helper()
		if err := os.Rename(by, path); err != nil {
			t.Fatal(err)
		}
	}
	replace(old.file, renewed.file)
	if err := anew(old).reach(main); err != nil {
		t.Errorf("while the key is still the old one: %v", err)
	}
	replace(old.key, renewed.key)
	for _, at := range []string{main, in.servers["sub1"]} {
		until(t, "the new certificate is shown", func() error { return anew(renewed).reach(at) })
		if err := anew(old).reach(at); !isUntrusted(err) {
			t.Errorf("who trusts only the old one is answered by %s: %v", at, err)
		}
	}
	postReaction(t, renewed.client(), main+"/send_emoji", "application/json", `{"status":"Message queued"`)
	hears(t, stream.Body, `"total":1,"emojis":[{"emoji_type":"🔥"`)
}

// anew is a certificate that is trusted by clients which open a connection for each request.
type anew certificate

func (c anew) reach(server string) error {
	client := http.Client{Timeout: maxWait, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: c.pool}, DisableKeepAlives: true}}
	res, err := client.Get(server + "/healthz")
	if err == nil {
		_ = res.Body.Close()
	}
	return err
}

func isUntrusted(err error) bool {
	_, ok := errors.AsType[*tls.CertificateVerificationError](err)
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	return ok || unknown
}
