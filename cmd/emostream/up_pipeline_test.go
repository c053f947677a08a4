package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Whoever waits for up is told why it is not ready, once for each reason, and nothing if it is
// ready soon.
func TestUpTellsWhyItIsNotReady(t *testing.T) {
	for name, tt := range map[string]struct {
		reasons []string // of ten seconds each
		want    []string
	}{
		"ready at once":       {nil, nil},
		"ready soon":          {[]string{"starting"}, nil},
		"not for a while":     {[]string{"no keys", "no keys", "no keys"}, []string{"no keys"}},
		"for several reasons": {[]string{"no kafka", "no kafka", "no keys", "no keys"}, []string{"no kafka", "no keys"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var said bytes.Buffer
				began := time.Now()
				p := &pipeline{log: slog.New(slog.NewTextHandler(&said, nil)), failed: make(chan error, 1)}
				err := p.waitReady(t.Context(), func(context.Context) error {
					if n := int(time.Since(began) / (unreadyTold - time.Second)); n < len(tt.reasons) {
						return errors.New(tt.reasons[n])
					}
					return nil
				})
				if err != nil || !p.wasReady.Load() || strings.Count(said.String(), "\n") != len(tt.want) {
					t.Errorf("%v, ready %t, said:\n%s", err, p.wasReady.Load(), said.String())
				}
				for _, want := range tt.want {
					if !strings.Contains(said.String(), `level=WARN msg="up is not ready yet" reason="`+want+`"`) {
						t.Errorf("%s is not said:\n%s", want, said.String())
					}
				}
			})
		})
	}
}

// Waiting ends when up is stopped, and when a stage fails.
func TestUpStopsWaiting(t *testing.T) {
	never := func(context.Context) error { return errors.New("no keys") }
	synctest.Test(t, func(t *testing.T) {
		p := &pipeline{log: slog.New(slog.DiscardHandler), failed: make(chan error, 1)}
		stopped, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		if err := p.waitReady(stopped, never); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("stopped: %v", err)
		}
		broken := errors.New("serve: broken")
		p.failed <- broken
		if err := p.waitReady(t.Context(), never); !errors.Is(err, broken) || p.wasReady.Load() {
			t.Errorf("failed: %v", err)
		}
	})
}
