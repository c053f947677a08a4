package httpserve_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
)

// certificate returns a certificate for localhost that signs itself, and is valid for some
// time.
func certificate(t *testing.T, from, until time.Time) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: until, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// files are what a certificate is read from.
type files struct {
	pair *tls.Certificate
	err  error
	read int
}

func (f *files) get() (*tls.Certificate, error) {
	f.read++
	return f.pair, f.err
}

// A certificate that is renewed is shown within ten seconds. What cannot be used is not:
// the one before is shown on, and the log says why, once, if that does not pass at once.
func TestCertificateIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		now := time.Now()
		first, renewed, next := certificate(t, now, now.Add(time.Hour)), certificate(t, now, now.Add(2*time.Hour)), certificate(t, now.Add(2*time.Minute), now.Add(3*time.Hour))
		on := &files{pair: first}
		c, err := httpserve.OpenCertificate(on.get, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		shown := func() *tls.Certificate {
			pair, err := c.TLSConfig().GetCertificate(nil)
			if err != nil {
				t.Fatal(err)
			}
			return pair
		}
		warnings := func() int { return strings.Count(log.String(), "level=WARN") }

		on.pair = renewed
		for range 1000 {
			shown()
		}
		if on.read != 1 || shown() != first {
			t.Errorf("it was read %d times at once", on.read)
		}
		time.Sleep(10 * time.Second)
		if shown() != renewed || c.Leaf() != renewed.Leaf || !strings.Contains(log.String(), "was renewed") {
			t.Errorf("after ten seconds the one before is shown; the log has %s", &log)
		}

		on.pair, on.err = nil, errors.New("the key is of another certificate")
		time.Sleep(10 * time.Second)
		if shown() != renewed || !errors.Is(c.Err(), on.err) || warnings() != 0 {
			t.Errorf("with files that do not go together: %v is wrong; the log has %s", c.Err(), &log)
		}
		for range 3 {
			time.Sleep(10 * time.Second)
			if shown() != renewed || warnings() != 1 || !strings.Contains(log.String(), on.err.Error()) {
				t.Errorf("with files that still do not go together the log has %s", &log)
			}
		}
		on.pair, on.err = next, nil
		time.Sleep(10 * time.Second)
		if shown() != renewed || c.Err() == nil {
			t.Error("one that is not valid yet is shown")
		}
		time.Sleep(2 * time.Minute)
		if shown() != next || c.Err() != nil || warnings() != 1 {
			t.Errorf("one that is valid by now is not shown; the log has %s", &log)
		}
		time.Sleep(4 * time.Hour) // it has expired, so that any other one is as good
		on.pair = first
		if shown() != first {
			t.Error("the files are not shown, and what was read before has expired")
		}
	})
}

// A server begins with a certificate that has expired, and warns.
func TestExpiredCertificate(t *testing.T) {
	for what, pair := range map[string]*tls.Certificate{
		"it expired at": certificate(t, time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)),
		"it is valid":   certificate(t, time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)),
	} {
		var log bytes.Buffer
		if _, err := httpserve.OpenCertificate((&files{pair: pair}).get, slog.New(slog.NewTextHandler(&log, nil))); err != nil || !strings.Contains(log.String(), what) {
			t.Errorf("%v, the log has %s, want %q", err, &log, what)
		}
	}
	missing := errors.New("there is no such file")
	if _, err := httpserve.OpenCertificate((&files{err: missing}).get, slog.New(slog.DiscardHandler)); !errors.Is(err, missing) {
		t.Errorf("without a file: %v", err)
	}
}

// While the files are read, which takes long where they are far away, only the one who reads
// them waits.
func TestCertificateIsReadBesideHandshakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		first, renewed := certificate(t, now, now.Add(time.Hour)), certificate(t, now, now.Add(2*time.Hour))
		pair, reads := first, 0
		c, err := httpserve.OpenCertificate(func() (*tls.Certificate, error) {
			if reads++; reads > 1 {
				<-time.After(time.Minute)
			}
			return pair, nil
		}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(11 * time.Second)
		pair = renewed
		waiting := make(chan *x509.Certificate)
		go func() { waiting <- c.Leaf() }()
		synctest.Wait()
		began := time.Now()
		for range 100 {
			if c.Leaf() != first.Leaf {
				t.Fatal("it was read twice at a time")
			}
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("the others waited %v", took)
		}
		if got := <-waiting; got != renewed.Leaf || c.Leaf() != renewed.Leaf || reads != 2 {
			t.Errorf("it is not shown that it was renewed, after %d readings", reads)
		}
	})
}
