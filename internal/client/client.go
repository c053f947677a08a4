// Package client speaks to a main server: it registers, sends reactions and
// follows the swarm, as every client of Emostream does.
package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

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

// Check says whether Server can be a base URL.
func (c *Client) Check() error {
	u, err := url.Parse(c.Server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("server %.60q: want a base URL like http://localhost:5000", c.Server)
	}
	return nil
}

// Register asks for a subscriber server.
func (c *Client) Register(ctx context.Context) (wire.Assignment, error) { return c.register(ctx, "") }

// register asks for a subscriber server other than avoid, the one that failed;
// empty: none did.
func (c *Client) register(ctx context.Context, avoid string) (wire.Assignment, error) {
	var a wire.Assignment
	err := c.do(ctx, http.MethodGet, wire.RegisterPath(c.UserID, avoid), nil, &a)
	if err == nil && a.StreamURL == "" {
		err = fmt.Errorf("%s is no Emostream server: its /register gave no stream_url", c.Server)
	}
	return a, err
}

// Unregister says that an assignment is not used any more.
func (c *Client) Unregister(ctx context.Context, server string) error {
	return c.do(ctx, http.MethodPost, "/unregister", map[string]string{"server": server}, nil)
}

// Reaction is what one user sends: an emoji, once or several times.
type Reaction struct {
	UserID    string `json:"user_id"`
	Emoji     string `json:"emoji_type"`
	Timestamp string `json:"timestamp,omitempty"`
	Channel   string `json:"channel,omitempty"`
	Count     int    `json:"count,omitempty"` // 0 is 1; at most 100
}

// Result is what the server answers for one reaction: when it was accepted, or why
// it was not.
type Result struct {
	AcceptedAt time.Time `json:"accepted_at"`
	Message    string    `json:"error"`
	Code       string    `json:"code"` // empty when it was accepted
}

// Send sends up to 10,000 reactions in one request and returns the result of each,
// in order. It returns an error when the answer does not tell of each: a
// *RefusalError, or why there was no answer. OutcomeOf says what an error means for
// the reactions.
func (c *Client) Send(ctx context.Context, reactions []Reaction) ([]Result, error) {
	if len(reactions) == 0 {
		return nil, nil
	}
	var out struct {
		Results []Result `json:"results"`
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
