// Package client speaks to a main server: it registers, sends reactions and
// follows the swarm, as every client of Emostream does.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/wire"
)

// Client is one user of a main server. It holds settings only and may be used
// concurrently.
type Client struct {
	// Server is the base URL of the main server, like http://localhost:5000.
	Server string
	// UserID names the user; empty: the server chooses one at Register.
	UserID string
	// HTTP makes the requests; default http.DefaultClient.
	HTTP *http.Client
	// Renew, if set, makes a Watch register and connect anew at once, for each value
	// that it receives; it resumes where it was.
	Renew <-chan struct{}
}

// timeout bounds one request to the main server, which itself takes 5 s at most
// to get an answer of the log.
const timeout = 15 * time.Second

// goodbye bounds the request that a Watch ends with.
const goodbye = time.Second

// Check says whether Server can be a base URL.
func (c *Client) Check() error {
	u, err := url.Parse(c.Server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("server %.60q: want a base URL like http://localhost:5000", c.Server)
	}
	return nil
}

// Refusal is an answer other than 200.
type Refusal struct {
	Status     int
	Code       string
	Message    string
	RetryAfter time.Duration // 0: not said
}

func (r *Refusal) Error() string {
	if r.Message == "" {
		return fmt.Sprintf("the server answered %d %s", r.Status, http.StatusText(r.Status))
	}
	return r.Message
}

// Assignment is the subscriber server that a client is to listen to.
type Assignment struct {
	ServerURL  string `json:"server_url"`
	ServerName string `json:"server_name"`
	UserID     string `json:"user_id"`
	StreamURL  string `json:"stream_url"`
}

// Register asks for a subscriber server.
func (c *Client) Register(ctx context.Context) (Assignment, error) { return c.register(ctx, "") }

// register asks for a subscriber server, and for another one than avoid, if that is
// not empty and there is one.
func (c *Client) register(ctx context.Context, avoid string) (Assignment, error) {
	var a Assignment
	said := url.Values{}
	if c.UserID != "" {
		said.Set("user_id", c.UserID)
	}
	if avoid != "" {
		said.Set("avoid", avoid)
	}
	q := ""
	if len(said) > 0 {
		q = "?" + said.Encode()
	}
	err := c.do(ctx, http.MethodGet, "/register"+q, nil, &a)
	if err == nil && a.StreamURL == "" {
		err = fmt.Errorf("%s is no Emostream server: its /register gave no stream_url", c.Server)
	}
	return a, err
}

// Unregister says that an assignment is not used any more.
func (c *Client) Unregister(ctx context.Context, server string) error {
	return c.do(ctx, http.MethodPost, "/unregister", map[string]string{"server": server}, nil)
}

// Reaction is a tap to be sent.
type Reaction struct {
	UserID    string `json:"user_id"`
	Emoji     string `json:"emoji_type"`
	Timestamp string `json:"timestamp,omitempty"`
	Channel   string `json:"channel,omitempty"`
	Count     int    `json:"count,omitempty"` // 0 is 1; at most 100
}

// Outcome is what became of a reaction: accepted at a time, or refused.
type Outcome struct {
	AcceptedAt time.Time `json:"accepted_at"`
	Message    string    `json:"error"`
	Code       string    `json:"code"` // empty when it was accepted
}

// Send sends up to 10,000 reactions at once and returns what became of each, in
// order. The error is for when nothing became of any of them: a *Refusal, or that
// the server could not be reached.
func (c *Client) Send(ctx context.Context, reactions []Reaction) ([]Outcome, error) {
	if len(reactions) == 0 {
		return nil, nil
	}
	var out struct {
		Results []Outcome `json:"results"`
	}
	err := c.do(ctx, http.MethodPost, "/v1/reactions", reactions, &out)
	if len(out.Results) == len(reactions) {
		return out.Results, nil // also when all were refused
	}
	if err == nil {
		err = fmt.Errorf("the server answered for %d of %d reactions", len(out.Results), len(reactions))
	}
	return nil, err
}

// do is ask, for those who do not want the answer's header.
func (c *Client) do(ctx context.Context, method, path string, body, v any) error {
	_, err := c.ask(ctx, method, path, body, v)
	return err
}

// ask makes a request, reads its JSON answer into v, also that of a refusal,
// which it returns as a *Refusal, and returns the answer's header.
func (c *Client) ask(ctx context.Context, method, path string, body, v any) (http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encode the request: %w", err)
		}
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.Server, "/")+path, in)
	if err != nil {
		return nil, fmt.Errorf("server %.60q: %w", c.Server, err)
	}
	req.Header.Set("Content-Type", "application/json")
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("reach the server: %w (is it running? try emostream up)", err)
	}
	defer res.Body.Close()
	const limit = 16 << 20
	b, err := io.ReadAll(io.LimitReader(res.Body, limit))
	if err != nil {
		return nil, fmt.Errorf("read the server's answer: %w", err)
	}
	if v != nil {
		err = json.Unmarshal(b, v)
	}
	if res.StatusCode != http.StatusOK {
		return nil, refusal(res, b)
	}
	if err != nil {
		return nil, fmt.Errorf("the server's answer is not the JSON of an Emostream server: %w", err)
	}
	return res.Header, nil
}

func refusal(res *http.Response, body []byte) *Refusal {
	r := &Refusal{Status: res.StatusCode}
	var said struct{ Error, Code string }
	if json.Unmarshal(body, &said) == nil {
		r.Message, r.Code = said.Error, said.Code
	}
	if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && s >= 0 {
		r.RetryAfter = time.Duration(s) * time.Second
	}
	return r
}

// Watch follows a channel's swarms until ctx ends, onSwarm fails, or the server
// turns out to be none that registers clients. It
// registers, and registers again when its server refuses it; it reconnects by
// itself and resumes where it was. onSwarm gets each swarm that says more of its
// window than those before it, with the JSON as it came; onState, which may be
// nil, every change of the connection. Both are called by the goroutine that
// called Watch.
func (c *Client) Watch(ctx context.Context, channel string, onSwarm func(s wire.Swarm, raw []byte) error, onState func(sse.State, Assignment)) error {
	var at Assignment
	seen := greatest{}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	stream := sse.Client{
		HTTP:  c.HTTP,
		Renew: c.Renew,
		Locate: func(ctx context.Context) (string, error) {
			a, err := c.register(ctx, at.ServerName) // one that failed, but for the first time
			if r := (*Refusal)(nil); errors.As(err, &r) {
				if r.Status == http.StatusNotFound || r.Status == http.StatusForbidden {
					stop(fmt.Errorf("%s does not register clients, it should be the main server: %w", c.Server, r))
				}
				return "", &sse.RefusedError{Status: r.Status, Code: r.Code, Message: r.Message, RetryAfter: r.RetryAfter}
			}
			if err != nil {
				return "", err
			}
			at = a
			if channel == "" || channel == wire.MainChannel {
				return a.StreamURL, nil
			}
			return a.StreamURL + "?" + url.Values{"channel": {channel}}.Encode(), nil
		},
		OnEvent: func(e sse.Event) error {
			if e.Name != "swarm" {
				return nil
			}
			s, err := wire.DecodeSwarm(e.Data)
			if err != nil || !seen.better(s) {
				return nil //nolint:nilerr // not a swarm: of a newer server, perhaps
			}
			return onSwarm(s, e.Data)
		},
		OnState: func(s sse.State) {
			if onState != nil {
				onState(s, at)
			}
		},
	}
	defer func() {
		if at.ServerName != "" { // a courtesy, for which nobody is kept waiting
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
			defer cancel()
			_ = c.Unregister(ctx, at.ServerName)
		}
	}()
	if err := stream.Run(ctx); err != nil {
		return err
	}
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// greatest keeps the greatest total of the recent windows.
type greatest map[int64]int64

// remembered is how many windows greatest keeps.
const remembered = 1000

func (g greatest) better(s wire.Swarm) bool {
	if total, ok := g[s.Window.End]; ok && s.Total <= total {
		return false
	}
	g[s.Window.End] = s.Total
	if len(g) > remembered {
		oldest := s.Window.End
		for end := range g {
			oldest = min(oldest, end)
		}
		delete(g, oldest)
	}
	return true
}
