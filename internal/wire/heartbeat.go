package wire

import (
	"encoding/json"
	"errors"
	"fmt"
)

// States of a subscriber server.
const (
	StateServing  = "serving"
	StateDraining = "draining" // takes no more, is about to leave
	StateGone     = "gone"     // left in order
)

// ServerStatus is a subscriber server's heartbeat, a record of
// emostream-servers under the server's name.
type ServerStatus struct {
	Name      string `json:"name"`
	Instance  string `json:"instance"` // told apart by this when two claim one name
	URL       string `json:"url"`      // base URL that clients reach it under
	Topic     string `json:"topic"`
	Cluster   string `json:"cluster"`
	Clients   int    `json:"clients"`  // connections that are open now
	Capacity  int    `json:"capacity"` // connections that it takes at most
	Opened    int64  `json:"opened"`   // connections that it has taken since it started
	State     string `json:"state"`
	StartedAt string `json:"started_at"`
	Time      string `json:"time"`
	Version   string `json:"version"` // of the program
}

// Encode returns the record value.
func (s ServerStatus) Encode() []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings and integers always marshal
	}
	return b
}

// DecodeServerStatus reads a heartbeat and checks what its readers rely on.
func DecodeServerStatus(b []byte) (ServerStatus, error) {
	var s ServerStatus
	if err := json.Unmarshal(b, &s); err != nil {
		return ServerStatus{}, fmt.Errorf("server status: %w", err)
	}
	if _, err := ServerNumber(s.Name); err != nil {
		return ServerStatus{}, fmt.Errorf("server status: %w", err)
	}
	if s.URL == "" || s.Topic == "" || s.Capacity < 1 || s.Clients < 0 {
		return ServerStatus{}, errors.New("server status: it lacks a url, a topic or a capacity")
	}
	return s, nil
}
