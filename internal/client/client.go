// Package client speaks to a main server as every client does: it registers, sends
// reactions and follows the swarms.
package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/wire"
)

// Client is one user of a main server. It holds settings only and may be used
// concurrently.
type Client struct {
	// Server is the base URL of the main server, like http://localhost:5000.
	Server string
	// UserID is the user's id. If it is empty, the server chooses one when it is
	// registered.
	UserID string
	// HTTP makes the requests; default http.DefaultClient. Redirections are followed as
	// FollowRedirects says, whatever its CheckRedirect is.
	HTTP *http.Client
	// Token, if set, returns the token to show to the main server. It is called for each
	// request, and once more when the server has refused the token, so that one that was
	// renewed meanwhile is shown. It is not shown to subscriber servers, which are told
	// by a ticket who listens.
	Token func() string
	// Renew, if set, makes a Watch register and connect anew at once with each value
	// received. The stream resumes after the last event.
	Renew <-chan struct{}
	// OnChannel, if set, is called by a Watch with the state of its channel, when it begins
	// to listen and whenever that changes. The goroutine that called Watch calls it.
	OnChannel func(wire.ChannelState)
}

// Check returns an error if Server cannot be a base URL.
func (c *Client) Check() error {
	u, err := url.Parse(c.Server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.ForceQuery || strings.Contains(c.Server, "#") {
		return fmt.Errorf("server %.60q: want a base URL like http://localhost:5000", c.address())
	}
	return nil
}

// address returns Server as it may be shown: without a password.
func (c *Client) address() string { return text.ShownURL(c.Server) }

// Register asks the main server to assign a subscriber server, for the main channel.
func (c *Client) Register(ctx context.Context) (wire.Assignment, error) {
	return c.register(ctx, "", wire.MainChannel)
}

// register asks for a subscriber server other than avoid, the one that failed. avoid
// may be empty.
func (c *Client) register(ctx context.Context, avoid, channel string) (wire.Assignment, error) {
	var a wire.Assignment
	user := c.UserID
	if c.Token != nil {
		user = "" // the token says it, and what stands in a query is logged by proxies
	}
	err := c.do(ctx, http.MethodGet, wire.RegisterPath(user, avoid, channel), nil, &a)
	if err == nil && a.StreamURL == "" {
		err = fmt.Errorf("%s is no Emostream server: its /register gave no stream_url", c.address())
	}
	return a, err
}

// Unregister tells the main server that an assignment is no longer used.
func (c *Client) Unregister(ctx context.Context, server string) error {
	return c.do(ctx, http.MethodPost, "/unregister", map[string]string{"server": server}, nil)
}

// Reaction is an emoji that one user sends, once or Count times.
type Reaction struct {
	UserID    string `json:"user_id"`
	Emoji     string `json:"emoji_type"`
	Timestamp string `json:"timestamp,omitempty"`
	Channel   string `json:"channel,omitempty"`
	Count     int    `json:"count,omitempty"` // 0 means 1; at most 100
}

// Result is the server's answer for one reaction: when it was accepted, or why it was
// not.
type Result struct {
	AcceptedAt time.Time `json:"accepted_at"`
	Message    string    `json:"error"`
	Code       string    `json:"code"` // empty when it was accepted
}

// Send sends up to 10,000 reactions in one request and returns the result of each, in
// order. It returns an error if the answer does not hold a result for each reaction: a
// *RefusalError, or why there was no answer. OutcomeOf tells what an error means for
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
		return out.Results, nil // also if all were refused
	}
	if err == nil {
		err = fmt.Errorf("the server answered for %d of %d reactions", len(out.Results), len(reactions))
	}
	return nil, err
}
