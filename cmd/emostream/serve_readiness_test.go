package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emostream/emostream/server/access"
)

// A server that could not check a single token is not ready, and says why.
func TestNotReadyWithoutTheKeysOfTokens(t *testing.T) {
	none := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(none, []byte(`{"keys":[]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for keys, want := range map[string]string{
		"http://127.0.0.1:1/keys": "the keys at http://127.0.0.1:1/keys have not been read yet",
		none:                      "there are no keys for that at " + none,
	} {
		gate, err := access.New(access.Config{Keys: keys, Issuer: "https://login.example"})
		if err != nil {
			t.Fatal(err)
		}
		m := &mainServer{admission: admission{gate: gate}}
		if _, err := m.ready(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ready: %v, want %s", err, want)
		}
	}
}
