package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"testing"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/errno"
)

// An error of a request names the server, the cause and the next step, and not the chain
// of what was attempted. It can still be told apart.
func TestExplain(t *testing.T) {
	ask := func(of string, err error) error { return &url.Error{Op: "Get", URL: of, Err: err} }
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: errno.Refused}
	other := errors.New("something else")
	for name, tt := range map[string]struct {
		err  error
		says string
		is   error
	}{
		"nothing listens":       {ask("http://emo:5000/register?user_id=ann", refused), "http://emo:5000 cannot be reached (connection refused): is it running? try emostream up", errno.Refused},
		"no such name":          {ask("http://emo:5000/register", &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "emo"}}), "http://emo:5000 cannot be reached (no such host): is its name right?", nil},
		"a name and a password": {ask("http://ann:secret@emo:5000/register", refused), "http://emo:5000 cannot be reached (connection refused): is it running? try emostream up", errno.Refused},
		"it broke off":          {ask("http://emo:5000/v1/reactions", io.ErrUnexpectedEOF), "http://emo:5000 did not answer: unexpected EOF", io.ErrUnexpectedEOF},
		"it took too long":      {ask("http://emo:5000/v1/reactions", context.DeadlineExceeded), "http://emo:5000 did not answer: context deadline exceeded", context.DeadlineExceeded},
		"explained already":     {errors.Join(client.Explain(ask("http://emo:5000/x", refused))), "http://emo:5000 cannot be reached (connection refused): is it running? try emostream up", errno.Refused},
		"no request":            {other, "something else", other},
	} {
		t.Run(name, func(t *testing.T) {
			got := client.Explain(tt.err)
			if got.Error() != tt.says || tt.is != nil && !errors.Is(got, tt.is) {
				t.Errorf("%v, want %s", got, tt.says)
			}
			if client.Unreached(got) != client.Unreached(tt.err) {
				t.Error("it does not say any more whether the server was reached")
			}
		})
	}
}
