package wire

import "net/url"

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
// server is assigned, as long as one has room.
func RegisterPath(userID, avoid string) string {
	q := url.Values{}
	if userID != "" {
		q.Set("user_id", userID)
	}
	if avoid != "" {
		q.Set("avoid", avoid)
	}
	if len(q) == 0 {
		return "/register"
	}
	return "/register?" + q.Encode()
}

// ChannelURL returns the address of the stream of a channel's swarms.
func (a Assignment) ChannelURL(channel string) string {
	if channel == "" || channel == MainChannel {
		return a.StreamURL
	}
	return a.StreamURL + "?" + url.Values{"channel": {channel}}.Encode()
}
