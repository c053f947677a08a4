package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/emostream/emostream/internal/client"
)

// What is certain after each kind of error, and after each outcome.
func TestFate(t *testing.T) {
	dial := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	for name, tt := range map[string]struct {
		err  error
		want client.Fate
	}{
		"none":                    {nil, client.Accepted},
		"nothing listens":         {fmt.Errorf("reach the server: %w", dial), client.NotWritten},
		"broken off":              {&net.OpError{Op: "read", Err: io.ErrUnexpectedEOF}, client.InDoubt},
		"no answer":               {context.DeadlineExceeded, client.InDoubt},
		"not written":             {&client.Refusal{Status: 503, Code: "not_written"}, client.NotWritten},
		"too busy to read it":     {&client.Refusal{Status: 503, Code: "overloaded"}, client.NotWritten},
		"in doubt":                {&client.Refusal{Status: 503, Code: "in_doubt"}, client.InDoubt},
		"too many requests":       {&client.Refusal{Status: 429}, client.NotWritten},
		"a value is not allowed":  {&client.Refusal{Status: 422, Code: "not_an_emoji"}, client.Refused},
		"refused by who knows":    {&client.Refusal{Status: 403}, client.Refused},
		"a proxy's error":         {&client.Refusal{Status: 502}, client.InDoubt},
		"an error of our servers": {&client.Refusal{Status: 503, Code: "not_ready"}, client.Refused},
	} {
		if got := client.FateOf(tt.err); got != tt.want {
			t.Errorf("%s: fate %d, want %d", name, got, tt.want)
		}
	}
	for code, want := range map[string]client.Fate{"": client.Accepted, "not_written": client.NotWritten, "rate_limited": client.NotWritten, "in_doubt": client.InDoubt, "invalid_count": client.Refused} {
		if got := (client.Outcome{Code: code}).Fate(); got != want {
			t.Errorf("code %q: fate %d, want %d", code, got, want)
		}
	}
	if client.Unreached(io.EOF) || !client.Unreached(fmt.Errorf("x: %w", dial)) {
		t.Error("who was reached is confused with who was not")
	}
}
