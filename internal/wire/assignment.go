package wire

import (
	"net/url"
	"strings"
)

// Assignment is the answer of /register: the subscriber server that a client should
// listen to. The Python system does not send StreamURL.
type Assignment struct {
	ServerURL  string `json:"server_url"` // the stream of single emojis
	ServerName string `json:"server_name"`
	UserID     string `json:"user_id"`
	Message    string `json:"message"`
	StreamURL  string `json:"stream_url"` // the stream of swarms
}

// RegisterPath returns the path and query of a call of /register. If userID is empty,
// the server makes one up. If avoid names a server that failed the client, another
// server is assigned, as long as one has room. Where there are keys, the channel decides
// whether the client may listen; empty: main.
func RegisterPath(userID, avoid, channel string) string {
	q := url.Values{}
	if userID != "" {
		q.Set("user_id", userID)
	}
	if avoid != "" {
		q.Set("avoid", avoid)
	}
	if channel != "" && channel != MainChannel {
		q.Set("channel", channel)
	}
	if len(q) == 0 {
		return "/register"
	}
	return "/register?" + q.Encode()
}

// ChannelURL returns the address of the stream of a channel's swarms. Main servers before
// tickets do not know for which channel a client registers, and StreamURL does not say it.
func (a Assignment) ChannelURL(channel string) string {
	if channel == "" || channel == MainChannel {
		return a.StreamURL
	}
	base, query, _ := strings.Cut(a.StreamURL, "?")
	q, err := url.ParseQuery(query)
	if err != nil || q.Has("channel") {
		return a.StreamURL
	}
	q.Set("channel", channel)
	return base + "?" + q.Encode()
}
