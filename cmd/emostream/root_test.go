package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

// After a signal, a command that would have ended by itself exits as interrupted,
// whatever it is waiting for.
func TestInterrupted(t *testing.T) {
	for _, tt := range []struct{ what, command string }{
		{"a server that is not there", "watch -n 1 --server http://127.0.0.1:1"},
		{"more input", "send --server http://127.0.0.1:1"},
		{"the rate", "send 🔥 --count 100 --rate 0.01 --server http://127.0.0.1:1"},
		{"Kafka", "topics describe --brokers 127.0.0.1:1"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			in, typing := io.Pipe()
			defer typing.Close()
			var out, errs bytes.Buffer
			ended := make(chan int, 1)
			go func() { ended <- execute(ctx, streams{in: in, out: &out, err: &errs}, strings.Fields(tt.command)) }()
			cancel()
			select {
			case code := <-ended:
				if code != exitInterrupted {
					t.Errorf("exit code %d, want %d\n%s", code, exitInterrupted, errs.String())
				}
			case <-time.After(time.Minute):
				t.Error("it does not end")
			}
		})
	}
}

// outputWatcher keeps what a command prints. It calls done once the output contains
// want.
type outputWatcher struct {
	mu   sync.Mutex
	text strings.Builder
	want string
	once sync.Once
	done func() // called once
}

func (l *outputWatcher) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, err := l.text.Write(b)
	if strings.Contains(l.text.String(), l.want) {
		l.once.Do(l.done)
	}
	return n, err
}

func (l *outputWatcher) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// waitFor waits until the output contains want. It returns false if ctx ends first.
func (l *outputWatcher) waitFor(ctx context.Context, want string) bool {
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for !strings.Contains(l.String(), want) {
		select {
		case <-again.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// A stage without Kafka says once that it waits, and exits well when it is stopped.
// Other commands that run until they are stopped exit well too.
func TestLongRunningCommandsEndWell(t *testing.T) {
	for _, tt := range []struct{ command, says string }{
		{"serve --listen 127.0.0.1:0 --brokers 127.0.0.1:1", "waiting for kafka"},
		{"aggregate --brokers 127.0.0.1:1", "waiting for kafka"},
		{"publish --brokers 127.0.0.1:1 --metrics-listen 0", "waiting for kafka"},
		{"subscribe --listen 127.0.0.1:0 --brokers 127.0.0.1:1", "waiting for kafka"},
		{"up --port 0 --brokers 127.0.0.1:1", "waiting for kafka"},
		{"broker --ephemeral --listen 127.0.0.1:0", "broker ready"},
		{"watch --server http://127.0.0.1:1", "http://127.0.0.1:1 cannot be reached (connection refused): is it running? try emostream up; trying again in "},
	} {
		t.Run(tt.command, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var out bytes.Buffer
			errs := &outputWatcher{want: tt.says, done: cancel}
			code := execute(ctx, streams{in: strings.NewReader(""), out: &out, err: errs}, strings.Fields(tt.command))
			if code != exitOK || out.Len() > 0 || !errors.Is(ctx.Err(), context.Canceled) {
				t.Errorf("exit code %d, %v, stdout %q, stderr:\n%s", code, ctx.Err(), out.String(), errs.text.String())
			}
			if n := strings.Count(errs.text.String(), tt.says); n != 1 {
				t.Errorf("it says %d times %q:\n%s", n, tt.says, errs.text.String())
			}
		})
	}
}
