package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/sse"
)

// requestTimeout is how long one request to the main server may take. The server itself
// waits at most 5 s for the log.
const requestTimeout = 15 * time.Second

// maxAnswer is how many bytes of an answer are read.
const maxAnswer = 16 << 20

// RefusalError says that the server answered with a status other than 200.
type RefusalError struct {
	Status     int
	Code       string
	Message    string
	RetryAfter time.Duration // 0: not said
	// AnsweredBy is the base URL of the server that answered, if the request was
	// redirected to another than the one that was asked.
	AnsweredBy string
}

func (r *RefusalError) Error() string {
	s := r.Message
	if s == "" {
		s = fmt.Sprintf("the server answered %d %s", r.Status, http.StatusText(r.Status))
	}
	if r.AnsweredBy != "" {
		s += fmt.Sprintf(" (the request was redirected to %s)", r.AnsweredBy)
	}
	return s
}

// do calls ask and drops the answer's header.
func (c *Client) do(ctx context.Context, method, path string, body, v any) error {
	_, err := c.ask(ctx, method, path, body, v)
	return err
}

// ask makes a request, reads the JSON of the answer into v unless v is nil, and returns
// the answer's header. If the status is not 200, it returns a *RefusalError, too; the
// JSON is read into v even then. When the server refuses the token, and there is another one
// by then, it asks once more: nothing was taken before the token.
func (c *Client) ask(ctx context.Context, method, path string, body, v any) (http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var b []byte
	if body != nil {
		var err error
		if b, err = json.Marshal(body); err != nil {
			return nil, fmt.Errorf("encode the request: %w", err)
		}
	}
	if c.Token == nil {
		return c.askWith(ctx, "", method, path, b, v)
	}
	token := c.Token()
	header, err := c.askWith(ctx, token, method, path, b, v)
	if refused, ok := errors.AsType[*RefusalError](err); ok && refused.Status == http.StatusUnauthorized {
		if renewed := c.Token(); renewed != token {
			return c.askWith(ctx, renewed, method, path, b, v)
		}
	}
	return header, err
}

// askWith does what ask does, once and with this token. It is empty if there is none.
func (c *Client) askWith(ctx context.Context, token, method, path string, body []byte, v any) (http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(c.Server, "/")+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("server %.60q: want a base URL like http://localhost:5000", c.address())
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := FollowRedirects(c.HTTP).Do(req)
	if err != nil {
		return nil, Explain(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the server's answer: %w", err)
	}
	if v != nil {
		err = json.Unmarshal(b, v)
	}
	refused := refusal(res, b)
	if res.Request != req {
		refused.AnsweredBy = redirection(req.URL, res.StatusCode, res.Request.URL).To
	}
	switch {
	case res.TLS == nil && WantsTLS(res.StatusCode, b):
		return nil, &SchemeError{baseURL(res.Request.URL.String()), refused}
	case res.StatusCode != http.StatusOK:
		return res.Header, refused
	case err != nil && refused.AnsweredBy != "":
		return nil, fmt.Errorf("the answer of %s, to which the request was redirected, is not the JSON of an Emostream server: %w", refused.AnsweredBy, err)
	case err != nil:
		return nil, fmt.Errorf("the server's answer is not the JSON of an Emostream server: %w", err)
	}
	return res.Header, nil
}

func refusal(res *http.Response, body []byte) *RefusalError {
	r := &RefusalError{Status: res.StatusCode, RetryAfter: sse.RetryAfter(res.Header.Get("Retry-After"))}
	var said struct{ Error, Code string }
	if json.Unmarshal(body, &said) == nil {
		r.Message, r.Code = said.Error, said.Code
	}
	if r.Message == "" && redirects(r.Status) && res.Header.Get("Location") == "" {
		r.Message = fmt.Sprintf("%s answers %d and sends its clients elsewhere, but its Location, which would say where, is missing", baseURL(res.Request.URL.String()), r.Status)
	}
	return r
}
