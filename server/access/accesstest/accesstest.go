// Package accesstest makes gates, and tokens that they take, for tests.
package accesstest

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/token"
	"github.com/emostream/emostream/server/access"
)

const secret = "the secret of a login that exists in tests only"

// Gate returns a gate that takes the tokens of Token.
func Gate(tb testing.TB, anonymous ...access.Action) *access.Gate {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
		tb.Fatal(err)
	}
	g, err := access.New(access.Config{Keys: file, Anonymous: anonymous})
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

// Token returns a token of a user that is good for a while.
func Token(tb testing.TB, subject, scope string, good time.Duration) string {
	tb.Helper()
	signer, err := token.ReadSigner([]byte(secret))
	if err != nil {
		tb.Fatal(err)
	}
	raw, err := signer.Sign(token.Claims{}, map[string]any{"sub": subject, "scope": scope, "aud": access.DefaultAudience, "exp": time.Now().Add(good).Unix()})
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}
