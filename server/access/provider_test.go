package access_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emostream/emostream/server/access"
)

// provider has a JWKS, and notes when it is asked for it.
type provider struct {
	mu     sync.Mutex
	answer answer
	asked  []time.Time
}

// answer is what a provider answers.
type answer struct {
	status   int
	body     string
	location string
	err      error
	never    bool
	when     <-chan struct{} // nil: at once, or never
}

func (p *provider) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	p.asked = append(p.asked, time.Now())
	a := p.answer
	p.mu.Unlock()
	if a.when != nil || a.never {
		select {
		case <-a.when:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if a.err != nil {
		return nil, a.err
	}
	return &http.Response{StatusCode: a.status, Header: http.Header{"Location": {a.location}}, Body: io.NopCloser(strings.NewReader(a.body)), Request: r}, nil
}

func (p *provider) set(a answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = a
}

func (p *provider) questions() []time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

// publish makes p answer with a set of keys.
func (p *provider) publish(keys ...map[string]any) {
	p.set(answer{status: http.StatusOK, body: setOf(keys...)})
}

func setOf(keys ...map[string]any) string {
	b, err := json.Marshal(map[string]any{"keys": append([]map[string]any{}, keys...)})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// jwk returns the public key of a login under a kid, as a JWKS has it.
func (l login) jwk(kid string) map[string]any {
	block, _ := pem.Decode(l.public)
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		panic(err)
	}
	in := base64.RawURLEncoding.EncodeToString
	out := map[string]any{"kid": kid, "use": "sig"}
	switch key := key.(type) {
	case *rsa.PublicKey:
		out["kty"], out["n"], out["e"] = "RSA", in(key.N.Bytes()), in(big.NewInt(int64(key.E)).Bytes())
	case *ecdsa.PublicKey:
		point, err := key.Bytes()
		if err != nil {
			panic(err)
		}
		out["kty"], out["crv"], out["x"], out["y"] = "EC", "P-256", in(point[1:33]), in(point[33:])
	case ed25519.PublicKey:
		out["kty"], out["crv"], out["x"] = "OKP", "Ed25519", in(key)
	}
	return out
}

// under returns the login with a kid in its tokens.
func (l login) under(kid string) login {
	signer := *l.Signer
	signer.KeyID = kid
	l.Signer = &signer
	return l
}

const (
	issuer  = "https://login.example"
	address = "https://login.example/keys?client=secret-of-a-query"
)

// outcome is what a request with a token is answered.
func outcome(g *access.Gate, raw string) string {
	_, refusal := g.Caller(requestWith("Bearer " + raw))
	return code(refusal)
}

// run runs a gate with the keys of a provider, in the time of the test.
func run(t *testing.T, p *provider, log io.Writer) *access.Gate {
	t.Helper()
	g := newGate(t, access.Config{Keys: address, Issuer: issuer, Transport: p, Logger: slog.New(slog.NewTextHandler(log, nil))})
	runGate(t, g)
	return g
}

func runGate(t *testing.T, g *access.Gate) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- g.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
