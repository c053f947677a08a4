// Package contracttest lets a test fail when an answer, an event or a record is not as
// openapi.yaml and asyncapi.yaml say.
package contracttest

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/emostream/emostream/internal/proof/contract"
)

// answers reads openapi.yaml once.
var answers = sync.OnceValues(contract.NewHTTP) //nolint:gochecknoglobals // it never changes

// HTTP returns openapi.yaml.
func HTTP(tb testing.TB) *contract.HTTP {
	tb.Helper()
	h, err := answers()
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

// Context returns the context of a test, in which all servers of package server have their
// answers checked.
func Context(tb testing.TB) context.Context {
	tb.Helper()
	return HTTP(tb).Context(tb.Context(), func(err error) { tb.Error(err) })
}

// Watch returns a handler that passes requests to next, which serves calls of a kind of
// server, and panics at an answer that is not as it should be.
func Watch(kind contract.Server, next http.Handler) http.Handler {
	h, err := answers()
	if err != nil {
		panic(err)
	}
	return h.Watch(kind, next, func(err error) { panic(err) })
}

// events reads asyncapi.yaml once.
var events = sync.OnceValues(contract.NewMessages) //nolint:gochecknoglobals // it never changes

// Messages returns asyncapi.yaml.
func Messages(tb testing.TB) *contract.Messages {
	tb.Helper()
	m, err := events()
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// Streams returns a transport that checks the events of streams.
func Streams(tb testing.TB, base http.RoundTripper) http.RoundTripper {
	tb.Helper()
	return Messages(tb).Transport(base, func(err error) { tb.Error(err) })
}
