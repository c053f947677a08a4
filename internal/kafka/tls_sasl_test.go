package kafka_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/emostream/emostream/internal/broker"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
)

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// newAuthority returns a new authority.
func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	pair := a.issue(t, "authority")
	a.cert, a.key = pair.Leaf, pair.PrivateKey.(*ecdsa.PrivateKey)
	return a
}

// issue makes a certificate for 127.0.0.1. The authority signs it. The first
// certificate is the authority's own, and signs itself.
func (a *authority) issue(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: a.cert == nil, BasicConstraintsValid: true,
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	raw, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key, Leaf: leaf}
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// secured starts an embedded broker with TLS (nil: without) and users.
func secured(t *testing.T, c *tls.Config, users map[string]string) cluster {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if c != nil {
		ln = tls.NewListener(ln, c)
	}
	return embedded(t, broker.Config{Listener: ln, Users: users})
}

// flagNames returns names of settings as a command line may have them.
func flagNames() kafka.SettingNames {
	return kafka.SettingNames{
		Brokers: "--brokers", TLS: "--tls", CA: "--tls-ca", ClientCert: "--tls-cert", ServerName: "--tls-server-name",
		Mechanism: "--sasl-mechanism", User: "--sasl-user",
	}
}

// showing returns a GetClientCertificate that presents a certificate.
func showing(c tls.Certificate) func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &c, nil }
}

// Everything that a client does works on a secured connection: topics, writers, the
// producer, readers, and claims of a group, for which kafka-go connects in another way.
func TestSecured(t *testing.T) {
	ca := newAuthority(t)
	server := &tls.Config{Certificates: []tls.Certificate{ca.issue(t, "broker")}}
	asking := &tls.Config{Certificates: server.Certificates, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.pool()}
	client := &tls.Config{RootCAs: ca.pool()}
	users := map[string]string{"ann": "s3cret, =ö"}
	for _, test := range []struct {
		name   string
		server *tls.Config
		users  map[string]string
		client kafka.Security
	}{
		{"TLS", server, nil, kafka.Security{TLS: client}},
		{"TLS and a client's certificate", asking, nil, kafka.Security{TLS: &tls.Config{RootCAs: ca.pool(), GetClientCertificate: showing(ca.issue(t, "ann"))}}},
		{"plain on loopback", nil, users, kafka.Security{Mechanism: kafka.Plain, User: "ann", Password: users["ann"]}},
		{"SCRAM-SHA-256", nil, users, kafka.Security{Mechanism: kafka.ScramSHA256, User: "ann", Password: users["ann"]}},
		{"SCRAM-SHA-512", nil, users, kafka.Security{Mechanism: kafka.ScramSHA512, User: "ann", Password: users["ann"]}},
		{"TLS and plain", server, users, kafka.Security{TLS: client, Mechanism: kafka.Plain, User: "ann", Password: users["ann"]}},
		{"TLS and SCRAM-SHA-512", server, users, kafka.Security{TLS: client, Mechanism: kafka.ScramSHA512, User: "ann", Password: users["ann"]}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			k := secured(t, test.server, test.users)
			c, err := kafka.Open(kafka.Config{Brokers: k.brokers, Security: test.client})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(c.Close)
			topic := unique(t)
			if _, err := c.EnsureTopics(within(t), kafka.Topic{Name: topic, Partitions: 1}); err != nil {
				t.Fatal(err)
			}
			write(t, c, topic, 0, values("written"))
			ctx, cancel := context.WithCancel(within(t))
			defer cancel()
			p := kafka.NewProducer(c, kafka.ProducerConfig{Topic: topic})
			ran := make(chan error, 1)
			go func() { ran <- p.Run(ctx) }()
			if err := p.Append(ctx, values("produced")); err != nil {
				t.Fatal(err)
			}
			consumed := make(chan int64, 1)
			go func() {
				ran <- c.Consume(ctx, unique(t), topic, func(ctx context.Context, claim stream.Claim) error {
					err := claim.Offsets.Commit(ctx, stream.Commit{Offset: claim.End})
					consumed <- claim.End
					<-ctx.Done()
					return err
				})
			}()
			if end := receive(t, consumed); end != 2 {
				t.Errorf("a claim ends at %d, want 2", end)
			}
			if got := read(t, c, topic, 0); len(got) != 2 || string(got[1].Value) != "produced" {
				t.Errorf("read %v", got)
			}
			cancel()
			for range 2 {
				if err := <-ran; err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// Errors say what is wrong with a connection, and what to do about it. A call returns
// at once if waiting cannot mend the error. Otherwise it goes on waiting.
func TestNotSecured(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	server := &tls.Config{Certificates: []tls.Certificate{ca.issue(t, "broker")}}
	asking := &tls.Config{Certificates: server.Certificates, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.pool()}
	client := &tls.Config{RootCAs: ca.pool()}
	users := map[string]string{"ann": "right"}
	ann := kafka.Security{Mechanism: kafka.ScramSHA256, User: "ann", Password: "right"}
	answer := func(to kmsg.Key, res kmsg.Response, cut bool) func(*proxy) {
		return func(f *proxy) {
			f.on(to, func(req kmsg.Request, _ func(kmsg.Request) kmsg.Response) (kmsg.Response, bool) {
				if res != nil {
					res.SetVersion(req.GetVersion())
				}
				return res, cut
			})
		}
	}
	unoffered := kmsg.NewPtrSASLHandshakeResponse()
	unoffered.ErrorCode = int16(kafkago.UnsupportedSASLMechanism)
	unsuited := kmsg.NewPtrSASLHandshakeResponse()
	unsuited.ErrorCode = int16(kafkago.IllegalSASLState)
	wrong := kmsg.NewPtrSASLAuthenticateResponse()
	wrong.ErrorCode, wrong.ErrorMessage = int16(kafkago.SASLAuthenticationFailed), new("invalid credentials")
	for _, test := range []struct {
		name    string
		server  *tls.Config
		users   map[string]string
		before  func(*proxy) // what the proxy does between client and broker
		client  kafka.Security
		lasting bool
		want    string
	}{
		{"the authority is unknown", server, nil, nil, kafka.Security{TLS: &tls.Config{RootCAs: other.pool()}}, true, "--tls-ca names"},
		{"the name is another", server, nil, nil, kafka.Security{TLS: &tls.Config{RootCAs: ca.pool(), ServerName: "kafka"}}, true, "--tls-server-name"},
		{"no certificate where one is wanted", asking, nil, nil, kafka.Security{TLS: client}, true, "or that there is none: --tls-cert"},
		{"the certificate is a stranger's", asking, nil, nil, kafka.Security{TLS: &tls.Config{RootCAs: ca.pool(), GetClientCertificate: showing(other.issue(t, "eve"))}}, true, "--tls-cert"},
		{"TLS where there is none", nil, nil, nil, kafka.Security{TLS: client}, false, "leave out --tls"},
		{"no TLS where it is wanted", server, nil, nil, kafka.Security{}, false, "(--tls)"},
		{"the password is wrong", nil, users, answer(kmsg.SASLAuthenticate, wrong, false), ann, true, `invalid credentials (user "ann", scram-sha-256: check`},
		{"the broker goes in the middle of a login", nil, users, answer(kmsg.SASLAuthenticate, nil, true), ann, false, "closed the connection"},
		{"the mechanism is not offered", nil, users, answer(kmsg.SASLHandshake, unoffered, false), ann, true, "do not offer scram-sha-256 here"},
		{"a login where nobody logs in", nil, users, answer(kmsg.SASLHandshake, unsuited, false), ann, true, "leave out --sasl-mechanism"},
		{"no login where one is wanted", nil, users, nil, kafka.Security{}, false, "(--sasl-mechanism)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			k := secured(t, test.server, test.users)
			if test.before != nil {
				f := newProxy(t, k)
				test.before(f)
				k = f.cluster
			}
			log := &logRecorder{}
			c, err := kafka.Open(kafka.Config{Brokers: k.brokers, Security: test.client, Names: flagNames(), Logger: log.logger()})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(c.Close)
			ctx, cancel := context.WithCancel(within(t))
			defer cancel()
			if !test.lasting {
				go eventuallyLogged(ctx, cancel, log, test.want)
			}
			_, err = c.EnsureTopics(ctx, kafka.Topic{Name: "any", Partitions: 1})
			if waited := errors.Is(err, context.Canceled); waited == test.lasting || test.lasting && !strings.Contains(err.Error(), test.want) {
				t.Errorf("EnsureTopics = %v", err)
			}
			if said := log.String(); !test.lasting && !strings.Contains(said, test.want) {
				t.Errorf("the log says %q, want %q", said, test.want)
			}
		})
	}
}

// eventuallyLogged calls do as soon as a log contains s.
func eventuallyLogged(ctx context.Context, do func(), log *logRecorder, s string) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for log.count(s) == 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
	do()
}

// Apache Kafka answers a request without TLS with a TLS alert. The cause is certain
// then, so the call returns at once.
func TestAlert(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte{0x15, 0x03, 0x03, 0, 2, 2, 80})
			_ = c.Close()
		}
	}()
	c := cluster{brokers: []string{ln.Addr().String()}}.open(t)
	if _, err := c.EnsureTopics(within(t), kafka.Topic{Name: "any", Partitions: 1}); err == nil || !strings.Contains(err.Error(), "wants TLS on this port: give --tls") {
		t.Errorf("EnsureTopics = %v", err)
	}
}

// A malformed login is refused before anything is sent. No error shows a password.
func TestLogins(t *testing.T) {
	const password = "hunter2\u0007"
	for _, test := range []struct {
		name     string
		security kafka.Security
		brokers  string
		want     string
	}{
		{"no user", kafka.Security{Mechanism: kafka.Plain, Password: password}, "localhost:1", "wants a user and a password"},
		{"no password", kafka.Security{Mechanism: kafka.Plain, User: "ann"}, "localhost:1", "wants a user and a password"},
		{"no such mechanism", kafka.Security{Mechanism: "gssapi", User: "ann", Password: password}, "localhost:1", `no such mechanism: "gssapi"`},
		{"what scram does not allow", kafka.Security{Mechanism: kafka.ScramSHA512, User: "ann", Password: password}, "localhost:1", "characters that scram does not allow"},
		{"what plain cannot send", kafka.Security{Mechanism: kafka.Plain, User: "ann", Password: password + "\x00"}, "localhost:1", "zero byte"},
		{"a password in the open", kafka.Security{Mechanism: kafka.Plain, User: "ann", Password: password}, "localhost:1,kafka1:9092", `unencrypted to "kafka1:9092"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := kafka.Open(kafka.Config{Brokers: strings.Split(test.brokers, ","), Security: test.security})
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("Open = %v, want %q", err, test.want)
			}
		})
	}
}
