package main

import (
	"strings"
	"testing"

	"github.com/emostream/emostream/server/access"
)

// A server that could not check a single token is not ready, and says why.
func TestNotReadyWithoutTheKeysOfTokens(t *testing.T) {
	gate, err := access.New(access.Config{Keys: "http://127.0.0.1:1/keys", Issuer: "https://login.example"})
	if err != nil {
		t.Fatal(err)
	}
	m := &mainServer{doors: doors{gate: gate}}
	if _, err := m.ready(t.Context()); err == nil || !strings.Contains(err.Error(), "the keys at http://127.0.0.1:1/keys have not been read yet") {
		t.Errorf("ready: %v", err)
	}
}
