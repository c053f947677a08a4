package wire

import (
	"encoding/json"
	"errors"
	"fmt"
)

// The states of a subscriber server.
const (
	StateServing  = "serving"
	StateDraining = "draining" // it takes no more clients, and will leave soon
	StateGone     = "gone"     // it has announced that it leaves
)

// ServerStatus is a heartbeat: a record of emostream-servers whose key is the server's
// name.
type ServerStatus struct {
	Name      string `json:"name"`
	Instance  string `json:"instance"` // tells two servers apart that have the same name
	URL       string `json:"url"`      // base URL at which clients reach the server
	Topic     string `json:"topic"`
	Cluster   string `json:"cluster"`
	Clients   int    `json:"clients"`  // connections that are open now
	Capacity  int    `json:"capacity"` // greatest number of connections that it takes
	Opened    int64  `json:"opened"`   // how many connections it has taken since it started
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

// DecodeServerStatus decodes a heartbeat, and checks what its readers rely on.
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
