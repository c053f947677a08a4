package wire_test

import (
	"testing"

	"github.com/emostream/emostream/internal/wire"
)

func TestDecodeServerStatus(t *testing.T) {
	want := wire.ServerStatus{
		Name: "sub1", Instance: "i1", URL: "http://127.0.0.1:5001", Topic: "sub_1", Cluster: "cluster_1",
		Clients: 3, Capacity: 10000, State: wire.StateServing,
		StartedAt: "2026-01-02T03:04:05.000Z", Time: "2026-01-02T03:04:06.000Z", Version: "v1",
	}
	got, err := wire.DecodeServerStatus(want.Encode())
	if err != nil || got != want {
		t.Errorf("read again: %+v, %v; want %+v", got, err, want)
	}
	for name, spoil := range map[string]func(*wire.ServerStatus){
		"no name":            func(s *wire.ServerStatus) { s.Name = "" },
		"a name of another":  func(s *wire.ServerStatus) { s.Name = "server1" },
		"no url":             func(s *wire.ServerStatus) { s.URL = "" },
		"no topic":           func(s *wire.ServerStatus) { s.Topic = "" },
		"no capacity":        func(s *wire.ServerStatus) { s.Capacity = 0 },
		"clients below zero": func(s *wire.ServerStatus) { s.Clients = -1 },
	} {
		s := want
		spoil(&s)
		if got, err := wire.DecodeServerStatus(s.Encode()); err == nil || got != (wire.ServerStatus{}) {
			t.Errorf("%s: DecodeServerStatus = %+v, %v; want an error", name, got, err)
		}
	}
	for _, value := range []string{"", "null", "[]", `{"name":1}`} {
		if got, err := wire.DecodeServerStatus([]byte(value)); err == nil {
			t.Errorf("DecodeServerStatus(%q) = %+v, want an error", value, got)
		}
	}
}
