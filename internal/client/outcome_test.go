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

// Each kind of error, and each result, has the right outcome.
func TestOutcomeOf(t *testing.T) {
	dial := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	for name, tt := range map[string]struct {
		err  error
		want client.Outcome
	}{
		"none":                    {nil, client.Accepted},
		"nothing listens":         {fmt.Errorf("reach the server: %w", dial), client.NotWritten},
		"broken off":              {&net.OpError{Op: "read", Err: io.ErrUnexpectedEOF}, client.InDoubt},
		"no answer":               {context.DeadlineExceeded, client.InDoubt},
		"not written":             {&client.RefusalError{Status: 503, Code: "not_written"}, client.NotWritten},
		"too busy to read it":     {&client.RefusalError{Status: 503, Code: "overloaded"}, client.NotWritten},
		"in doubt":                {&client.RefusalError{Status: 503, Code: "in_doubt"}, client.InDoubt},
		"too many requests":       {&client.RefusalError{Status: 429}, client.NotWritten},
		"a value is not allowed":  {&client.RefusalError{Status: 422, Code: "not_an_emoji"}, client.Refused},
		"refused by who knows":    {&client.RefusalError{Status: 403}, client.Refused},
		"a proxy's error":         {&client.RefusalError{Status: 502}, client.InDoubt},
		"an error of our servers": {&client.RefusalError{Status: 503, Code: "not_ready"}, client.Refused},
	} {
		if got := client.OutcomeOf(tt.err); got != tt.want {
			t.Errorf("%s: outcome %d, want %d", name, got, tt.want)
		}
	}
	for code, want := range map[string]client.Outcome{"": client.Accepted, "not_written": client.NotWritten, "rate_limited": client.NotWritten, "in_doubt": client.InDoubt, "invalid_count": client.Refused} {
		if got := (client.Result{Code: code}).Outcome(); got != want {
			t.Errorf("code %q: outcome %d, want %d", code, got, want)
		}
	}
	if client.Unreached(io.EOF) || !client.Unreached(fmt.Errorf("x: %w", dial)) {
		t.Error("who was reached is confused with who was not")
	}
}

// AnswerOutcome agrees with docs/http.md.
func TestAnswerOutcome(t *testing.T) {
	for _, tt := range []struct {
		status int
		code   string
		want   client.Outcome
	}{
		{200, "", client.Accepted},
		{503, "not_written", client.NotWritten},
		{503, "overloaded", client.NotWritten},
		{503, "keys_unavailable", client.NotWritten},
		{401, "token_missing", client.Refused},
		{401, "token_invalid", client.Refused},
		{401, "token_expired", client.Refused},
		{403, "not_allowed", client.Refused},
		{403, "user_mismatch", client.Refused},
		{503, "in_doubt", client.InDoubt},
		{429, "rate_limited", client.NotWritten},
		{429, "", client.NotWritten},
		{429, "a proxy's own", client.NotWritten},
		{422, "not_an_emoji", client.Refused},
		{408, "too_slow", client.Refused},
		{404, "", client.Refused},
		{307, "", client.Refused},
		{303, "", client.InDoubt},
		{303, "not_an_emoji", client.InDoubt},
		{204, "", client.InDoubt},
		{500, "", client.InDoubt},
		{504, "", client.InDoubt},
		{504, "upstream_timeout", client.InDoubt},
		{500, "upstream_timeout", client.InDoubt},
		{499, "upstream_timeout", client.Refused},
		{503, "not_ready", client.Refused},
		{200, "not_an_emoji", client.Refused}, // one item of several
	} {
		if got := client.AnswerOutcome(tt.status, tt.code); got != tt.want {
			t.Errorf("%d %q: outcome %d, want %d", tt.status, tt.code, got, tt.want)
		}
	}
}
