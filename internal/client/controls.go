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

// SetControl sets what is in force for a channel, user or emoji. It ends by itself at its
// Until, or after a duration such as 10m, by the server's clock. It returns what is in
// force now, and what was before.
func (c *Client) SetControl(ctx context.Context, w wire.Control, lasts string) (out wire.ControlChange, err error) {
	body := struct {
		State   string `json:"state"`
		PerUser string `json:"per_user,omitempty"`
		Until   string `json:"until,omitempty"`
		For     string `json:"for,omitempty"`
		Reason  string `json:"reason,omitempty"`
	}{w.State, w.PerUser, w.Until, lasts, w.Reason}
	err = c.do(ctx, http.MethodPut, controlPath(w.Kind, w.Name), body, &out)
	return out, err
}

// EndControl ends what is in force for a channel, user or emoji. It returns what was in
// force before.
func (c *Client) EndControl(ctx context.Context, kind, name string) (out wire.ControlChange, err error) {
	err = c.do(ctx, http.MethodDelete, controlPath(kind, name), nil, &out)
	return out, err
}

// controlPath names a control in the query, since servers do not take every name in a path.
func controlPath(kind, name string) string {
	return "/v1/controls/" + url.PathEscape(kind) + "?name=" + url.QueryEscape(name)
}
