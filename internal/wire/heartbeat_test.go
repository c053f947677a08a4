package wire_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/wire"
)

// status returns a heartbeat as a server sends it.
func status() wire.ServerStatus {
	return wire.ServerStatus{
		Name: "sub1", Instance: "i1", URL: "http://127.0.0.1:5001", Topic: "sub_1", Cluster: "cluster_1",
		Clients: 3, Capacity: 10000, Opened: 4, State: wire.StateServing,
		StartedAt: "2026-01-02T03:04:05.000Z", Time: "2026-01-02T03:04:06.000Z", Version: "v1",
	}
}

func decode(s wire.ServerStatus) (wire.ServerStatus, error) {
	return wire.Topics{}.DecodeServerStatus([]byte(s.Name), s.Encode())
}

// What servers send is read as it was sent, at the bounds, too.
func TestHeartbeats(t *testing.T) {
	for name, change := range map[string]func(*wire.ServerStatus){
		"as it is":                func(*wire.ServerStatus) {},
		"full":                    func(s *wire.ServerStatus) { s.Clients = s.Capacity },
		"the smallest":            func(s *wire.ServerStatus) { s.Clients, s.Capacity, s.Opened = 0, 1, 0 },
		"the greatest":            func(s *wire.ServerStatus) { s.Capacity = 10_000_000 },
		"the greatest name":       func(s *wire.ServerStatus) { s.Name, s.Topic = "sub9999", "sub_9999" },
		"draining":                func(s *wire.ServerStatus) { s.State = wire.StateDraining },
		"gone":                    func(s *wire.ServerStatus) { s.State = wire.StateGone },
		"without times":           func(s *wire.ServerStatus) { s.StartedAt, s.Time = "", "" },
		"behind a proxy":          func(s *wire.ServerStatus) { s.URL = "https://emo.example/sub1" },
		"by IPv6":                 func(s *wire.ServerStatus) { s.URL = "http://[2001:db8::1]:5001" },
		"with the longest URL":    func(s *wire.ServerStatus) { s.URL = "http://a/" + strings.Repeat("x", 512-9) },
		"with a long instance":    func(s *wire.ServerStatus) { s.Instance = strings.Repeat("x", 64) },
		"with an odd cluster":     func(s *wire.ServerStatus) { s.Cluster = "a.b_c-9" },
		"with a version of tools": func(s *wire.ServerStatus) { s.Version = "v1.2.3-0.20260102-abc+dirty (local)" },
	} {
		t.Run(name, func(t *testing.T) {
			want := status()
			change(&want)
			if got, err := decode(want); err != nil || got != want {
				t.Errorf("read again: %+v, %v; want %+v", got, err, want)
			}
		})
	}
}

// What is wrong with a heartbeat is said in words, with the field and what it must be.
func TestForeignHeartbeatsAreToldInWords(t *testing.T) {
	for value, want := range map[string]string{
		`{"clients":1e30}`:         "heartbeat: clients is a JSON number 1e30, and must be a whole number",
		`{"opened":"1"}`:           "heartbeat: opened is a JSON string, and must be a whole number",
		`{"capacity":1.5}`:         "heartbeat: capacity is a JSON number 1.5, and must be a whole number",
		`{"url":7}`:                "heartbeat: url is a JSON number, and must be a string",
		`[]`:                       "heartbeat: it is a JSON array, and must be an object",
		`hello`:                    "heartbeat: it is not JSON: invalid character 'h' looking for beginning of value",
		strings.Repeat(" ", 4<<10): "heartbeat: it is not JSON: unexpected end of JSON input",
		strings.Repeat(" ", 4097):  "heartbeat: 4097 bytes, and at most 4096 are taken",
		`{"clients":1` + strings.Repeat("0", 100) + `}`: "heartbeat: clients is a JSON number 1" + strings.Repeat("0", 32) + ", and must be a whole number",
	} {
		if _, err := (wire.Topics{}).DecodeServerStatus([]byte("sub1"), []byte(value)); err == nil || err.Error() != want {
			t.Errorf("%.50s: %v, want %s", value, err, want)
		}
	}
}

// A record that cannot be a heartbeat of a server is refused, whatever field is wrong.
func TestForeignHeartbeats(t *testing.T) {
	for name, spoil := range map[string]func(*wire.ServerStatus){
		"no name":                    func(s *wire.ServerStatus) { s.Name = "" },
		"a name of another kind":     func(s *wire.ServerStatus) { s.Name = "server1" },
		"a name beyond all numbers":  func(s *wire.ServerStatus) { s.Name, s.Topic = "sub10000", "sub_10000" },
		"a name written otherwise":   func(s *wire.ServerStatus) { s.Name, s.Topic = "sub01", "sub_01" },
		"no url":                     func(s *wire.ServerStatus) { s.URL = "" },
		"a url of a script":          func(s *wire.ServerStatus) { s.URL = "javascript:alert(1)" },
		"a url of a file":            func(s *wire.ServerStatus) { s.URL = "file:///etc/passwd" },
		"a url without a host":       func(s *wire.ServerStatus) { s.URL = "http:///sub1" },
		"a url without a scheme":     func(s *wire.ServerStatus) { s.URL = "//evil.example" },
		"a url with a port alone":    func(s *wire.ServerStatus) { s.URL = "http://:5001" },
		"a url with no real port":    func(s *wire.ServerStatus) { s.URL = "http://emo:65536" },
		"a url with port 0":          func(s *wire.ServerStatus) { s.URL = "http://emo:0" },
		"a url with a user":          func(s *wire.ServerStatus) { s.URL = "http://emo.example@evil.example" },
		"a url with a query":         func(s *wire.ServerStatus) { s.URL = "http://evil.example/?" },
		"a url with a fragment":      func(s *wire.ServerStatus) { s.URL = "http://evil.example/#" },
		"a url with a line break":    func(s *wire.ServerStatus) { s.URL = "http://emo/\n" },
		"a url with a space":         func(s *wire.ServerStatus) { s.URL = "http://emo/a b" },
		"a url with markup":          func(s *wire.ServerStatus) { s.URL = "http://emo/<script>" },
		"a url in letters that lie":  func(s *wire.ServerStatus) { s.URL = "http://еmo.example" }, // Cyrillic
		"a url that is too long":     func(s *wire.ServerStatus) { s.URL = "http://a/" + strings.Repeat("x", 512-8) },
		"no topic":                   func(s *wire.ServerStatus) { s.Topic = "" },
		"the topic of reactions":     func(s *wire.ServerStatus) { s.Topic = "emoji-topic" },
		"the topic of another":       func(s *wire.ServerStatus) { s.Topic = "sub_2" },
		"another program's topic":    func(s *wire.ServerStatus) { s.Topic = "payments" },
		"the topic under a prefix":   func(s *wire.ServerStatus) { s.Topic = "x-sub_1" },
		"no cluster":                 func(s *wire.ServerStatus) { s.Cluster = "" },
		"a cluster with a slash":     func(s *wire.ServerStatus) { s.Cluster = "a/b" },
		"a cluster that is too long": func(s *wire.ServerStatus) { s.Cluster = strings.Repeat("x", 201) },
		"no instance":                func(s *wire.ServerStatus) { s.Instance = "" },
		"an instance too long":       func(s *wire.ServerStatus) { s.Instance = strings.Repeat("x", 65) },
		"an instance that is evil":   func(s *wire.ServerStatus) { s.Instance = "\x1b[2J" },
		"no capacity":                func(s *wire.ServerStatus) { s.Capacity, s.Clients = 0, 0 },
		"a capacity below zero":      func(s *wire.ServerStatus) { s.Capacity = -1 },
		"a capacity beyond measure":  func(s *wire.ServerStatus) { s.Capacity = 10_000_001 },
		"clients below zero":         func(s *wire.ServerStatus) { s.Clients = -1 },
		"clients beyond capacity":    func(s *wire.ServerStatus) { s.Clients = s.Capacity + 1 },
		"opened below zero":          func(s *wire.ServerStatus) { s.Opened = -1 },
		"no state":                   func(s *wire.ServerStatus) { s.State = "" },
		"an unknown state":           func(s *wire.ServerStatus) { s.State = "open" },
		"a time of nonsense":         func(s *wire.ServerStatus) { s.Time = "yesterday" },
		"a start of nonsense":        func(s *wire.ServerStatus) { s.StartedAt = "0" },
	} {
		t.Run(name, func(t *testing.T) {
			s := status()
			spoil(&s)
			if got, err := decode(s); err == nil || got != (wire.ServerStatus{}) {
				t.Errorf("DecodeServerStatus = %+v, %v; want an error", got, err)
			} else if strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' }) {
				t.Errorf("the error %q holds control characters", err)
			}
		})
	}
	key := []byte("sub1")
	for _, value := range []string{"", "null", "[]", `{"name":1}`, `{"capacity":1e99}`, strings.Repeat("[", 4096)} {
		if got, err := (wire.Topics{}).DecodeServerStatus(key, []byte(value)); err == nil {
			t.Errorf("DecodeServerStatus(%.40q) = %+v, want an error", value, got)
		}
	}
	for _, other := range []string{"", "sub2", "sub1 "} {
		if _, err := (wire.Topics{}).DecodeServerStatus([]byte(other), status().Encode()); err == nil {
			t.Errorf("the heartbeat of sub1 was taken under the key %q", other)
		}
	}
}

// The fast decoder reads what Encode writes. What it reads is what encoding/json reads.
func TestFastDecoderOfHeartbeats(t *testing.T) {
	if got, ok := wire.ScanServerStatus(status().Encode()); !ok || got != status() {
		t.Errorf("read %+v, %v; want %+v", got, ok, status())
	}
	values := []string{
		"", "null", "[]", "{", "{}", "{} ", "{}x", `{"name":"a"}`, ` { "name" : "a" , "clients" : 7 } `, `{"name":"a",}`, `{"name":"a" "url":"b"}`,
		`{"name":1}`, `{"clients":"1"}`, `{"clients":-0}`, `{"clients":-12}`, `{"clients":01}`, `{"clients":1.5}`, `{"clients":1e3}`, `{"clients":-}`, `{"clients":}`,
		`{"capacity":999999999999999999}`, `{"capacity":1000000000000000000}`, `{"opened":9223372036854775808}`, `{"NAME":"a"}`, `{"name":"a","name":"b"}`,
		`{"name":null}`, `{"name":"\u0061"}`, "{\"name\":\"\xff\"}", "{\"name\":\"\n\"}", `{"name":"é"}`, `{"other":"x"}`, `{"other":7}`, `{"clients":7`,
	}
	fast := 0
	for _, value := range values {
		got, ok := wire.ScanServerStatus([]byte(value))
		if !ok {
			continue
		}
		fast++
		var want wire.ServerStatus
		if err := json.Unmarshal([]byte(value), &want); err != nil || got != want {
			t.Errorf("%s is read as %+v; encoding/json reads %+v, %v", value, got, want, err)
		}
	}
	if fast < 6 {
		t.Errorf("only %d values were read fast", fast)
	}
}

// A record of more than 4 KiB is refused before it is parsed.
func TestHugeHeartbeats(t *testing.T) {
	value := status().Encode()
	for size, want := range map[int]bool{4<<10 - 1: true, 4 << 10: true, 4<<10 + 1: false} {
		_, err := wire.Topics{}.DecodeServerStatus([]byte("sub1"), append(bytes.Repeat([]byte(" "), size-len(value)), value...))
		if (err == nil) != want {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

// The servers of an installation write to topics with its prefix, and to no others.
func TestHeartbeatsUnderAPrefix(t *testing.T) {
	s := status()
	for topic, want := range map[string]bool{"x-sub_1": true, "sub_1": false, "y-sub_1": false} {
		s.Topic = topic
		if _, err := (wire.Topics{Prefix: "x-"}).DecodeServerStatus([]byte(s.Name), s.Encode()); (err == nil) != want {
			t.Errorf("%s: %v", topic, err)
		}
	}
}

// The version is text for people, and may be anything: what is unsafe is left out.
func TestVersionOfHeartbeats(t *testing.T) {
	for version, want := range map[string]string{
		"v1.2.3":                           "v1.2.3",
		"":                                 "",
		"\x1b]0;evil\x07v1\u009b31m\u202e": "]0;evilv131m",
		strings.Repeat("v", 64):            strings.Repeat("v", 64),
		strings.Repeat("v", 65):            strings.Repeat("v", 64),
		fmt.Sprintf("v1%s", strings.Repeat("é", 2000/2)): "v1",
	} {
		s := status()
		s.Version = version
		if got, err := decode(s); err != nil || got.Version != want {
			t.Errorf("version %.40q is read as %q, %v", version, got.Version, err)
		}
	}
}

func BenchmarkDecodeServerStatus(b *testing.B) {
	right, wrong := status(), status()
	wrong.Capacity = 1 << 40
	for name, s := range map[string]wire.ServerStatus{"right": right, "wrong": wrong} {
		value := s.Encode()
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = wire.Topics{}.DecodeServerStatus([]byte("sub1"), value)
			}
		})
	}
}
