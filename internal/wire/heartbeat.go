package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/emostream/emostream/internal/text/quote"
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
	// Tickets says that the server lets in only who has a ticket or a token.
	Tickets bool `json:"tickets,omitempty"`
}

// SignatureHeader is the name of the header of a heartbeat's record that holds the signature
// of the value, where servers have ticket keys.
const SignatureHeader = "emostream-signature"

// Encode returns the record value.
func (s ServerStatus) Encode() []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings and integers always marshal
	}
	return b
}

// Bounds of a heartbeat. No server that this program runs comes near them.
const (
	maxHeartbeat   = 4 << 10 // bytes of the record
	maxServerURL   = 512     // bytes
	maxInstance    = 64
	maxVersionText = 64
	maxCapacity    = 10_000_000
)

// DecodeServerStatus decodes the record of a heartbeat. Whoever may write to
// emostream-servers can write anything into it, so every field is checked: clients are
// sent to the URL, swarms are written to the topic, and a server gives its name up to an
// older instance. The topic must be the one of the server's name. What cannot be a
// heartbeat of this program, of any version, is an error.
func (t Topics) DecodeServerStatus(key, value []byte) (ServerStatus, error) {
	if len(value) > maxHeartbeat {
		return ServerStatus{}, fmt.Errorf("heartbeat: %d bytes, and at most %d are taken", len(value), maxHeartbeat)
	}
	s, ok := scanServerStatus(value)
	if !ok {
		s = ServerStatus{}
		if err := json.Unmarshal(value, &s); err != nil {
			return ServerStatus{}, fmt.Errorf("heartbeat: %w", inWords(err))
		}
	}
	if err := t.checkServerStatus(s, string(key)); err != nil {
		return ServerStatus{}, fmt.Errorf("heartbeat: %w", err)
	}
	s.Version = cleanVersion(s.Version)
	return s, nil
}

// inWords returns what is wrong with a heartbeat that encoding/json cannot decode, without
// names of this program's own.
func inWords(err error) error {
	typ, ok := errors.AsType[*json.UnmarshalTypeError](err)
	switch {
	case !ok:
		return fmt.Errorf("it is not JSON: %w", err)
	case typ.Field == "":
		return fmt.Errorf("it is a JSON %.40s, and must be an object", typ.Value)
	case typ.Type.Kind() == reflect.Bool:
		return fmt.Errorf("%s is a JSON %.40s, and must be true or false", typ.Field, typ.Value)
	case typ.Type.Kind() == reflect.String:
		return fmt.Errorf("%s is a JSON %.40s, and must be a string", typ.Field, typ.Value)
	}
	return fmt.Errorf("%s is a JSON %.40s, and must be a whole number", typ.Field, typ.Value)
}

// scanServerStatus is a fast decoder of heartbeats, so that whoever writes thousands a
// second does not keep their readers busy. It decodes what Encode writes: a JSON object of
// strings without escapes and whole numbers, with no other fields. It returns false for any
// other text; then encoding/json must decide.
func scanServerStatus(value []byte) (s ServerStatus, ok bool) {
	if !utf8.Valid(value) {
		return s, false
	}
	text := string(value)
	ok = true // so far
	i := scanByte(value, 0, '{')
	for i > 0 {
		var key, field Piece
		var n int64
		if key, i = scanString(value, i); i < 0 {
			return s, false
		}
		if i = scanByte(value, i, ':'); i < 0 {
			return s, false
		}
		name := key.InString(text)
		if to := s.text(name); to != nil {
			field, i = scanString(value, i)
			*to = field.InString(text)
		} else if name == "tickets" {
			s.Tickets, i = true, scanTrue(value, i)
		} else {
			n, i = scanNumber(value, i)
			ok = s.setNumber(name, n)
		}
		if i < 0 || !ok {
			return s, false
		}
		if end := scanByte(value, i, '}'); end > 0 {
			return s, skipSpace(value, end) == len(value)
		}
		i = scanByte(value, i, ',')
	}
	return s, false
}

// scanTrue returns where a JSON true that is at i ends, or a negative number.
func scanTrue(value []byte, i int) (after int) {
	const word = "true"
	i = skipSpace(value, i)
	if !bytes.HasPrefix(value[i:], []byte(word)) {
		return -1
	}
	return i + len(word)
}

// text returns the field of a name, if it is one with text.
func (s *ServerStatus) text(name string) *string {
	switch name {
	case "name":
		return &s.Name
	case "instance":
		return &s.Instance
	case "url":
		return &s.URL
	case "topic":
		return &s.Topic
	case "cluster":
		return &s.Cluster
	case "state":
		return &s.State
	case "started_at":
		return &s.StartedAt
	case "time":
		return &s.Time
	case "version":
		return &s.Version
	}
	return nil
}

// setNumber sets the field of a name. It returns false if there is none with a number.
func (s *ServerStatus) setNumber(name string, n int64) bool {
	switch name {
	case "clients":
		s.Clients = int(n)
	case "capacity":
		s.Capacity = int(n)
	case "opened":
		s.Opened = n
	default:
		return false
	}
	return int64(int(n)) == n
}

func (t Topics) checkServerStatus(s ServerStatus, key string) error {
	if _, err := ServerNumber(s.Name); err != nil {
		return err
	}
	if err := CheckServerURL(s.URL); err != nil {
		return fmt.Errorf("url: %w", err) // without the URL, which may hold a password
	}
	if err := CheckTopicName(s.Cluster); err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	switch {
	case key != s.Name:
		return fmt.Errorf("it is of %s, and its key is %s", s.Name, quote.Text(key, 40))
	case s.Topic != t.Server(s.Name):
		return fmt.Errorf("the topic of %s is %s, not %s", s.Name, t.Server(s.Name), quote.Text(s.Topic, 40))
	case !token(s.Instance, maxInstance):
		return errors.New("instance is not 1 to 64 visible characters of ASCII")
	case s.State != StateServing && s.State != StateDraining && s.State != StateGone:
		return fmt.Errorf("state %s is not known", quote.Text(s.State, 20))
	case s.Capacity < 1 || s.Capacity > maxCapacity:
		return fmt.Errorf("capacity %d: 1 to %d are possible", s.Capacity, maxCapacity)
	case s.Clients < 0 || s.Clients > s.Capacity:
		return fmt.Errorf("clients %d: 0 to the capacity are possible", s.Clients)
	case s.Opened < 0:
		return errors.New("opened is below zero")
	case !isTime(s.StartedAt) || !isTime(s.Time):
		return fmt.Errorf("started_at and time are not both like %s", TimeFormat)
	}
	return nil
}

// CheckServerURL returns an error if s is not the base URL of a server, such as
// https://emo.example/sub1.
func CheckServerURL(s string) error {
	if u, err := url.Parse(s); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || !validPort(u.Port()) ||
		u.User != nil || strings.ContainsAny(s, `?#"'<>\`+"`") || !token(s, maxServerURL) {
		return fmt.Errorf("want the base URL of a server: http:// or https:// and a host, in ASCII, without user, query and fragment, and %d bytes at most", maxServerURL)
	}
	return nil
}

// validPort says whether a URL may have a port; empty: it has none.
func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}

// token says whether s is 1 to limit bytes of visible ASCII.
func token(s string, limit int) bool {
	return len(s) > 0 && len(s) <= limit && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// isTime says whether s is empty or a time as heartbeats have it.
func isTime(s string) bool {
	_, err := time.Parse(TimeFormat, s)
	return s == "" || err == nil
}

// cleanVersion returns the version of a program without what is not visible ASCII, and
// cut to a bound.
func cleanVersion(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	return s[:min(len(s), maxVersionText)]
}
