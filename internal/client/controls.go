package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/emostream/emostream/internal/wire"
)

// Controls returns what is in force. The token must hold the scope emostream:manage.
func (c *Client) Controls(ctx context.Context) ([]wire.Control, error) {
	var out struct {
		Controls []wire.Control `json:"controls"`
	}
	err := c.do(ctx, http.MethodGet, "/v1/controls", nil, &out)
	return out.Controls, err
}

// controlChange is the answer to a change: what is in force now, and what was before.
type controlChange struct {
	Control *wire.Control `json:"control"`
	Before  *wire.Control `json:"before"`
}

// SetControl sets what is in force for a channel, user or emoji. It ends by itself at its
// Until, or after a duration such as 10m, by the server's clock. It returns what is in
// force now, and what was before; nil: nothing was.
func (c *Client) SetControl(ctx context.Context, w wire.Control, lasts string) (now, before *wire.Control, err error) {
	body := struct {
		State   string `json:"state"`
		PerUser string `json:"per_user,omitempty"`
		Until   string `json:"until,omitempty"`
		For     string `json:"for,omitempty"`
		Reason  string `json:"reason,omitempty"`
	}{w.State, w.PerUser, w.Until, lasts, w.Reason}
	var out controlChange
	err = c.do(ctx, http.MethodPut, controlPath(w.Kind, w.Name), body, &out)
	return out.Control, out.Before, err
}

// EndControl ends what is in force for a channel, user or emoji. It returns what was in
// force; nil: nothing was.
func (c *Client) EndControl(ctx context.Context, kind, name string) (before *wire.Control, err error) {
	var out controlChange
	err = c.do(ctx, http.MethodDelete, controlPath(kind, name), nil, &out)
	return out.Before, err
}

// controlPath names a control in the query, since servers do not take every name in a path.
func controlPath(kind, name string) string {
	return "/v1/controls/" + url.PathEscape(kind) + "?name=" + url.QueryEscape(name)
}
