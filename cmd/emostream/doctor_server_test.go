package main

import "testing"

// Doctor looks at the port at which clients find a main server on this machine.
func TestDoctorFollowsServer(t *testing.T) {
	for server, want := range map[string]int{
		"http://127.0.0.1:5050":    5050,
		"http://localhost:5050/":   5050,
		"http://[::1]:5050":        5050,
		"http://localhost":         5000, // a proxy's
		"https://localhost:5050":   5050,
		"https://localhost":        5000,
		"http://192.0.2.1:5050":    5000,
		"http://emo.example:5050":  5000,
		"http://localhost.ch:5050": 5000,
		"localhost:5050":           5000,
	} {
		f := doctorFlags{server: server, port: 5000}
		if f.followServer(); f.port != want {
			t.Errorf("%s: port %d, want %d", server, f.port, want)
		}
	}
}
