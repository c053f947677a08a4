package ticket_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/ticket"
)

const (
	first  = "first-key-of-a-test-with-32-bytes-"
	second = "second-key-of-a-test-with-32-bytes"
)

func keys(tb testing.TB, lines ...string) *ticket.Keys {
	tb.Helper()
	k, err := ticket.New([]byte(strings.Join(lines, "\n")))
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

var (
	now = time.UnixMilli(1_700_000_000_000)
	ann = ticket.Ticket{Channel: "main", Subject: "ann@example.org", Expires: now.Add(time.Minute)}
)

func TestATicketSaysWhatItWasMadeFor(t *testing.T) {
	k := keys(t, first)
	for _, want := range []ticket.Ticket{
		ann, {Channel: "main", Expires: now.Add(time.Millisecond)}, {Channel: strings.Repeat("c", 64), Subject: strings.Repeat("s", 128), Expires: now.Add(time.Hour)},
	} {
		s := k.Seal(want)
		got, err := k.Open(s, now)
		if err != nil || got.Channel != want.Channel || !got.Expires.Equal(want.Expires) || !got.IsFor(want.Subject) || got.IsFor(want.Subject+"x") {
			t.Errorf("%+v became %+v, %v", want, got, err)
		}
		if raw, _ := base64.RawURLEncoding.DecodeString(s); want.Subject != "" && bytes.Contains(raw, []byte(want.Subject)) {
			t.Errorf("the subject can be read in %s", s)
		}
		if strings.ContainsAny(s, "&=?+/% ") {
			t.Errorf("%q must be escaped in a query", s)
		}
	}
}

func TestKeysAreNotPrinted(t *testing.T) {
	k := keys(t, first)
	o, err := k.Open(k.Seal(ann), now)
	if said := fmt.Sprintf("%v %+v %#v", o, o, o) + fmt.Sprintf("%v %+v %#v", k, k, k); err != nil || strings.Contains(said, "first") || strings.Contains(said, hex.EncodeToString([]byte("first"))) {
		t.Errorf("%s, %v", said, err)
	}
}

func TestTicketsThatAreNotTaken(t *testing.T) {
	k := keys(t, first)
	good := k.Seal(ann)
	raw, _ := base64.RawURLEncoding.DecodeString(good)
	if _, err := k.Open(good, ann.Expires.Add(-time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		ticket string
		now    time.Time
		want   error
	}{
		"run out":          {good, ann.Expires, ticket.ErrExpired},
		"of another key":   {keys(t, second).Seal(ann), now, ticket.ErrInvalid},
		"nothing":          {"", now, ticket.ErrInvalid},
		"a truncated one":  {good[:len(good)-1], now, ticket.ErrInvalid},
		"with more":        {good + "A", now, ticket.ErrInvalid},
		"padded":           {good + "=", now, ticket.ErrInvalid},
		"with a line end":  {good + "\n", now, ticket.ErrInvalid},
		"a long one":       {strings.Repeat("A", 1<<20), now, ticket.ErrInvalid},
		"a signed text":    {base64.RawURLEncoding.EncodeToString(k.Sign(raw[:len(raw)-16])), now, ticket.ErrInvalid},
		"forged, run out":  {keys(t, second).Seal(ticket.Ticket{Channel: "main", Expires: now.Add(-1)}), now, ticket.ErrInvalid},
		"a token":          {"eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ.", now, ticket.ErrInvalid},
		"in another base":  {base64.StdEncoding.EncodeToString(raw) + "/", now, ticket.ErrInvalid},
		"of a far version": {base64.RawURLEncoding.EncodeToString(append([]byte{9}, raw[1:]...)), now, ticket.ErrInvalid},
	} {
		if o, err := k.Open(tt.ticket, tt.now); !errors.Is(err, tt.want) {
			t.Errorf("%s: %+v, %v, want %v", name, o, err, tt.want)
		}
	}
	for bit := range len(raw) * 8 {
		b := bytes.Clone(raw)
		b[bit/8] ^= 1 << (bit % 8)
		if o, err := k.Open(base64.RawURLEncoding.EncodeToString(b), now); !errors.Is(err, ticket.ErrInvalid) {
			t.Errorf("with bit %d changed: %+v, %v", bit, o, err)
		}
	}
	// The signature ends in the middle of a character of base64: its other bits must be 0.
	for _, last := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		if s := good[:len(good)-1] + string(last); s != good {
			if _, err := k.Open(s, now); err == nil {
				t.Errorf("two texts are one ticket: %s, %s", good, s)
			}
		}
	}
}

// The first key signs, and all verify, so that a key is exchanged in three steps.
func TestKeysAreExchanged(t *testing.T) {
	old, both, swapped, last := keys(t, first), keys(t, first, second), keys(t, second, first), keys(t, second)
	steps := []*ticket.Keys{old, both, swapped, last}
	for i := range len(steps) - 1 {
		a, b := steps[i], steps[i+1]
		for _, way := range [][2]*ticket.Keys{{a, b}, {b, a}} {
			if o, err := way[1].Open(way[0].Seal(ann), now); err != nil || !o.IsFor(ann.Subject) {
				t.Errorf("step %d: %v", i, err)
			}
			if !way[1].Signed([]byte("x"), way[0].Sign([]byte("x"))) {
				t.Errorf("step %d: a heartbeat is not taken", i)
			}
		}
	}
	if _, err := last.Open(old.Seal(ann), now); err == nil {
		t.Error("a ticket of a removed key is taken")
	}
}

func TestSignaturesOfHeartbeats(t *testing.T) {
	k, value := keys(t, first), []byte(`{"name":"sub1"}`)
	s := k.Sign(value)
	if !k.Signed(value, s) || ticket.Fingerprint(s) == "" || ticket.Fingerprint(s) != ticket.Fingerprint(k.Sign(nil)) {
		t.Errorf("its own signature is not taken, or has no fingerprint: %x", s)
	}
	if other := keys(t, second); other.Signed(value, s) || ticket.Fingerprint(other.Sign(value)) == ticket.Fingerprint(s) {
		t.Error("two keys are one")
	}
	for name, ok := range map[string]bool{
		"changed":   k.Signed([]byte(`{"name":"sub2"}`), s),
		"cut":       k.Signed(value, s[:len(s)-1]),
		"nothing":   k.Signed(value, nil),
		"more":      k.Signed(value, append(bytes.Clone(s), 0)),
		"no keys":   (*ticket.Keys)(nil).Signed(value, s),
		"no fprint": ticket.Fingerprint(s[1:]) != "",
	} {
		if ok {
			t.Errorf("%s: it is taken", name)
		}
	}
}

func TestExpiry(t *testing.T) {
	least, most := func(int64) int64 { return 0 }, func(n int64) int64 { return n - 1 }
	for name, tt := range map[string]struct {
		token  time.Time
		random func(int64) int64
		want   time.Duration
	}{
		"no token":            {time.Time{}, least, 15 * time.Minute},
		"no token, sooner":    {time.Time{}, most, 12 * time.Minute},
		"a long token":        {now.Add(time.Hour), least, 15 * time.Minute},
		"a short token":       {now.Add(30 * time.Second), least, 30 * time.Second},
		"a short one, sooner": {now.Add(30 * time.Second), most, 24 * time.Second},
		"at its end":          {now, most, 0},
		"past its end":        {now.Add(-time.Hour), most, 0},
	} {
		if got := ticket.Expiry(now, tt.token, tt.random).Sub(now); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

func TestFilesThatAreNoKeys(t *testing.T) {
	for name, tt := range map[string]struct{ content, want string }{
		"empty":      {"\n# nothing\n", "there is no key in it"},
		"short":      {first + "\n\nsecret\n", "the key in line 3 has 6 bytes"},
		"a PEM file": {"-----BEGIN PUBLIC KEY-----\n" + first + "\n-----END PUBLIC KEY-----\n", "there is a PEM file in it"},
		"many":       {strings.Repeat(first+"\n", 17), "there are 17 keys in it"},
		"UTF-16":     {"\xff\xfef\x00i\x00", "it is UTF-16"},
	} {
		if _, err := ticket.New([]byte(tt.content)); err == nil || !strings.HasPrefix(err.Error(), tt.want) || strings.Contains(err.Error(), "secret\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if k := keys(t, "\uFEFF# of the test\r\n  "+first+" \r\n"); !k.Signed(nil, keys(t, first).Sign(nil)) {
		t.Error("a key of an editor is another one")
	}
	if _, err := ticket.Read(filepath.Join(t.TempDir(), "none")); err == nil || err.Error() != "it cannot be read: no such file or directory" {
		t.Error(err)
	}
}

// The file is read again when it changes. What is no file of keys leaves them as they are.
func TestTheFileIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tickets")
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(first)
	synctest.Test(t, func(t *testing.T) {
		k, err := ticket.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- k.Run(ctx, slog.New(slog.NewTextHandler(&log, nil))) }()
		later := func() { <-time.After(6 * time.Second); synctest.Wait() }
		signs := func(with string) bool { return keys(t, with).Signed(nil, k.Sign(nil)) }

		write("")
		later()
		later()
		if !signs(first) || strings.Count(log.String(), "level=WARN") != 1 {
			t.Errorf("with an empty file, and the log\n%s", log.String())
		}
		write(second + "\n" + first)
		later()
		if !signs(second) || !k.Signed(nil, keys(t, first).Sign(nil)) {
			t.Error("the new key does not sign, or the old one is not taken")
		}
		write("")
		later()
		if strings.Count(log.String(), "level=WARN") != 2 || strings.Count(log.String(), "level=INFO") != 1 || strings.Contains(log.String(), second) {
			t.Errorf("the log:\n%s", log.String())
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func FuzzOpen(f *testing.F) {
	k := keys(f, first, second)
	f.Add(k.Seal(ann), "main", "ann")
	f.Add(keys(f, second).Seal(ticket.Ticket{Channel: "c"}), "c", "")
	f.Add("AQ", "", "")
	f.Add(strings.Repeat("A", 140), "", "")
	f.Fuzz(func(t *testing.T, s, channel, subject string) {
		if o, err := k.Open(s, time.UnixMilli(0)); err == nil && s != k.Seal(ann) {
			t.Errorf("%q is taken: %+v", s, o)
		}
		if len(channel) > 64 {
			return
		}
		made := ticket.Ticket{Channel: channel, Subject: subject, Expires: now}
		if o, err := k.Open(k.Seal(made), now.Add(-1)); err != nil || o.Channel != channel || !o.IsFor(subject) || !o.Expires.Equal(now) {
			t.Errorf("%+v became %+v, %v", made, o, err)
		}
	})
}
