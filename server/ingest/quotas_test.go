package ingest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/quota"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/server/ingest"
)

// sender is the user and the address of a reaction.
type sender struct{ user, address, forwarded string }

// send posts a reaction that counts n times.
func (s sender) send(h http.Handler, n int) *httptest.ResponseRecorder {
	return s.sendIn(h, "main", n)
}

// sendIn posts a reaction in a channel.
func (s sender) sendIn(h http.Handler, channel string, n int) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/send_emoji", strings.NewReader(fmt.Sprintf(`{"user_id":%q,"emoji_type":"🔥","channel":%q,"count":%d}`, s.user, channel, n)))
	r.Header.Set("Content-Type", asJSON)
	r.RemoteAddr = s.address
	if s.forwarded != "" {
		r.Header.Set("X-Forwarded-For", s.forwarded)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// A user or an address that has sent too much is refused. The refusal says correctly
// when to send again. Other users and addresses are not affected.
func TestQuotas(t *testing.T) {
	proxies, err := httpserve.ParseProxies([]string{"10.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	user := ingest.Quotas{User: quota.Rate{PerSecond: 0.5, Burst: 4}}
	address := ingest.Quotas{Address: quota.Rate{PerSecond: 0.5, Burst: 4}}
	for name, tt := range map[string]struct {
		quotas       ingest.Quotas
		first, other sender // first spends its tokens; other is not affected
		same         sender // shares the tokens of first
		of           string
	}{
		"a user": {
			user, sender{"ann", "192.0.2.1:1", ""}, sender{"bob", "192.0.2.1:1", ""}, sender{"ann", "192.0.2.2:2", ""}, "this user_id",
		},
		"an address": {
			address, sender{"ann", "192.0.2.1:1", ""}, sender{"ann", "192.0.2.2:1", ""}, sender{"bob", "192.0.2.1:2", ""}, "this address",
		},
		"an address, whatever it says": {
			address, sender{"ann", "192.0.2.1:1", "203.0.113.1"}, sender{"ann", "192.0.2.2:1", "203.0.113.1"}, sender{"ann", "192.0.2.1:1", "203.0.113.2"}, "this address",
		},
		"an address behind a proxy": {
			address, sender{"ann", "10.0.0.1:1", "203.0.113.1"}, sender{"ann", "10.0.0.1:1", "203.0.113.2"}, sender{"bob", "10.0.0.2:1", "198.51.100.1, 203.0.113.1"}, "this address",
		},
		"a household of IPv6": {
			address, sender{"ann", "[2001:db8:0:1::1]:1", ""}, sender{"ann", "[2001:db8:0:2::1]:1", ""}, sender{"bob", "[2001:db8:0:1:9::]:1", ""}, "this address",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := &memory{t: t}
				h := routes(log, ingest.Config{Quotas: tt.quotas, Proxies: proxies})
				if got := tt.first.send(h, 5); got.Code != http.StatusUnprocessableEntity || refusalIn(t, got).Code != "invalid_count" {
					t.Errorf("more than can ever be: %d %s", got.Code, got.Body)
				}
				if got := tt.first.send(h, 3); got.Code != http.StatusOK {
					t.Fatalf("the first: %d %s", got.Code, got.Body)
				}
				got := tt.same.send(h, 3)
				p := refusalIn(t, got)
				if got.Code != http.StatusTooManyRequests || p.Code != "rate_limited" || !strings.Contains(p.Error, tt.of) || !strings.Contains(p.Error, "0.5 a second, 4 at once: send it again after 4s") {
					t.Errorf("one too many: %d %+v", got.Code, p)
				}
				if got := tt.same.send(h, 1); got.Code != http.StatusOK {
					t.Errorf("what is left: %d %s", got.Code, got.Body)
				}
				if got := tt.other.send(h, 4); got.Code != http.StatusOK {
					t.Errorf("somebody else: %d %s", got.Code, got.Body)
				}
				got = tt.first.send(h, 1)
				after, err := strconv.Atoi(got.Header().Get("Retry-After"))
				if got.Code != http.StatusTooManyRequests || err != nil {
					t.Fatalf("one too many: %d %v", got.Code, got.Header())
				}
				<-time.After(time.Duration(after)*time.Second - 1)
				if got := tt.first.send(h, 1); got.Code != http.StatusTooManyRequests {
					t.Errorf("a moment too early: %d %s", got.Code, got.Body)
				}
				<-time.After(1)
				if got := tt.first.send(h, 1); got.Code != http.StatusOK {
					t.Errorf("when it was told to come back: %d %s", got.Code, got.Body)
				}
				if n := len(log.values()); n != 3+1+4+1 {
					t.Errorf("the log has %d records", n)
				}
			})
		})
	}
}

// A reaction that is refused because of its address costs its user no token. The body
// of a request is not read if its address has no token left.
func TestQuotasOfBoth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := routes(&memory{t: t}, ingest.Config{Quotas: ingest.Quotas{
			User: quota.Rate{PerSecond: 1, Burst: 3}, Address: quota.Rate{PerSecond: 1, Burst: 4},
		}})
		for i, step := range []struct {
			from   sender
			n      int
			status int
		}{
			{sender{"ann", "192.0.2.1:1", ""}, 3, 200},
			{sender{"bob", "192.0.2.1:1", ""}, 2, 429}, // the address has one token left
			{sender{"bob", "192.0.2.2:1", ""}, 3, 200}, // bob has lost none of his tokens
			{sender{"ann", "192.0.2.3:1", ""}, 1, 429}, // ann has no token left
			{sender{"cid", "192.0.2.1:1", ""}, 1, 200}, // the refusal before cost the address nothing
			{sender{"dan", "192.0.2.3:1", ""}, 3, 200},
		} {
			if got := step.from.send(h, step.n); got.Code != step.status {
				t.Errorf("step %d: %d %s", i, got.Code, got.Body)
			}
		}
		for _, contentType := range []string{asJSON, "text/plain"} {
			r := httptest.NewRequest(http.MethodPost, "/send_emoji", unread{t})
			r.Header.Set("Content-Type", contentType)
			r.RemoteAddr = "192.0.2.1:9"
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "1" {
				t.Errorf("%s: %d %s", contentType, w.Code, w.Body)
			}
		}
	})
}

// What is refused in an array or a stream costs its address what reading it cost: a
// token for each reaction, or one for each 100 bytes of what is refused whole or because
// there are no tokens left. It costs no user anything.
func TestRefusedReactionsAreNotFree(t *testing.T) {
	bad := `{"user_id":"ann","emoji_type":"A"}`
	for name, tt := range map[string]struct {
		body string
		left int // of 100 tokens of the address; negative: it owes some
	}{
		"bad ones":                      {"[" + strings.Repeat(bad+",", 29) + bad + "]", 70},
		"good ones":                     {"[" + strings.Repeat(fire+",", 29) + fire + "]", 70},
		"counts":                        {"[" + withField("count", "20") + "," + withField("count", "20") + "," + bad + "]", 59},
		"no more channels":              {"[" + withField("channel", `"a"`) + "," + withField("channel", `"b"`) + "]", 98},
		"counts beyond":                 {"[" + withField("count", "90") + "," + withField("count", "90") + "]", 9},
		"as many as there are":          {"[" + strings.Repeat(bad+",", 99) + bad + "]", 0},
		"beyond, by a hundred bytes":    {"[" + strings.Repeat(bad+",", 99) + bad + "," + quoted("x", 98) + "]", -1},
		"beyond, by a byte less":        {"[" + strings.Repeat(bad+",", 99) + bad + "," + quoted("x", 97) + "]", 0},
		"beyond, by very much":          {"[" + strings.Repeat(bad+",", 9_999) + bad + "]", -100},
		"no JSON":                       {"[" + strings.Repeat(" ", 2_999), 70},
		"no JSON of a byte less":        {"[" + strings.Repeat(" ", 2_998), 71},
		"no UTF-8":                      {"[" + strings.Repeat("\xff", 2_999), 70},
		"too short to be any":           {"[" + strings.Repeat("0,", 149) + "0]", -50},
		"more than there may be in one": {"[" + strings.Repeat("0,", 10_000) + "0]", -100},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := routes(&memory{t: t}, ingest.Config{MaxChannels: 1, Quotas: ingest.Quotas{
					User: quota.Rate{PerSecond: 1, Burst: 1000}, Address: quota.Rate{PerSecond: 1, Burst: 100},
				}})
				post(h, "/v1/reactions", asJSON, tt.body)
				one := sender{"ann", "192.0.2.1:1234", ""} // as post
				left := tt.left
				if left < 0 {
					<-time.After(time.Duration(-left)*time.Second - 1)
					if got := one.send(h, 1); got.Code != http.StatusTooManyRequests {
						t.Errorf("while it owes: %d", got.Code)
					}
					<-time.After(time.Second + 1)
					left = 1
				}
				for range left {
					if got := one.send(h, 1); got.Code != http.StatusOK {
						t.Fatalf("%d were left, and not all are there: %d %s", left, got.Code, got.Body)
					}
				}
				if got := one.send(h, 1); got.Code != http.StatusTooManyRequests {
					t.Errorf("one more: %d", got.Code)
				}
			})
		})
	}
}

// A stream whose address has no tokens left is read no faster than it gets some.
func TestStreamBeyondItsQuotaIsReadSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := routes(&memory{t: t}, ingest.Config{Quotas: ingest.Quotas{Address: quota.Rate{PerSecond: 1000, Burst: 2000}}})
		body, in := io.Pipe()
		answered := make(chan *httptest.ResponseRecorder, 1)
		go func() { answered <- askFrom(h, ann, "/v1/reactions", asLines, body, -1) }()
		lines, read := []byte(strings.Repeat(fire+"\n", 100)), 0
		for start := time.Now(); time.Since(start) < 10*time.Second; {
			n, err := in.Write(lines)
			if read += n; err != nil {
				t.Fatal(err)
			}
		}
		_ = in.Close()
		if o := outcomesIn(t, <-answered); o.Accepted < 2000 || o.Accepted > 12_000 || read > 3<<20 {
			t.Errorf("of %d bytes in 10s %d reactions were accepted, and %d refused", read, o.Accepted, o.Rejected)
		}
	})
}

// Of an array or a stream, only the items beyond the quota are refused. An item that is
// not valid costs no token.
func TestQuotasInBulk(t *testing.T) {
	bad := `{"user_id":"ann","emoji_type":"A"}`
	for name, tt := range map[string]struct {
		contentType string
		body        string
		says        string
	}{
		"an array": {asJSON, "[" + strings.Join([]string{bad, fire, bad, fire, fire, `{"user_id":"bob","emoji_type":"🔥"}`}, ",") + "]", `"code":"rate_limited"},{"accepted_at"`},
		"lines":    {asLines, strings.Join([]string{bad, fire, bad, fire, fire, `{"user_id":"bob","emoji_type":"🔥"}`}, "\n"), `{"line":5,"error":"this user_id has sent as much as is allowed for each, 1 a second, 2 at once: send it again after 1s","code":"rate_limited"}`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := routes(&memory{t: t}, ingest.Config{Quotas: ingest.Quotas{User: quota.Rate{PerSecond: 1, Burst: 2}}})
				got := post(h, "/v1/reactions", tt.contentType, tt.body)
				if o := outcomesIn(t, got); got.Code != http.StatusOK || o.Accepted != 3 || o.Rejected != 3 || !strings.Contains(got.Body.String(), tt.says) {
					t.Errorf("answered %d %s", got.Code, got.Body)
				}
			})
		})
	}
}

// A reaction that is refused by a quota does not make its channel active.
func TestQuotasBeforeChannels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := routes(&memory{t: t}, ingest.Config{MaxChannels: 3, Quotas: ingest.Quotas{User: quota.Rate{PerSecond: 1, Burst: 1}}})
		for channel, want := range []int{200, 429, 429, 429} {
			if got := post(h, "/send_emoji", asJSON, withField("channel", fmt.Sprintf(`"c%d"`, channel))); got.Code != want {
				t.Errorf("channel %d: %d %s", channel, got.Code, got.Body)
			}
		}
		if got := post(h, "/send_emoji", asJSON, `{"user_id":"bob","emoji_type":"🔥","channel":"bobs"}`); got.Code != http.StatusOK {
			t.Errorf("somebody else's channel: %d %s", got.Code, got.Body)
		}
	})
}

// Without quotas nobody is limited.
func TestNoQuotas(t *testing.T) {
	h := routes(&memory{t: t}, ingest.Config{})
	for range 1000 {
		if got := (sender{"ann", "192.0.2.1:1", ""}).send(h, 100); got.Code != http.StatusOK {
			t.Fatalf("answered %d %s", got.Code, got.Body)
		}
	}
}

// A reaction that the log does not take is refused with the code of the log, not with
// that of a quota.
func TestQuotasAndTheLog(t *testing.T) {
	h := routes(&memory{t: t, answer: failing(stream.ErrNotWritten)}, ingest.Config{Quotas: ingest.Quotas{User: quota.Rate{PerSecond: 1, Burst: 1}}})
	if got := post(h, "/send_emoji", asJSON, fire); got.Code != http.StatusServiceUnavailable || refusalIn(t, got).Code != "not_written" {
		t.Errorf("answered %d %s", got.Code, got.Body)
	}
}
