package loadgen_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/loadgen"
)

// hasToken says whether a request shows the token of the user who sends. Only streams show
// none: the server that assigns them has let the listener in.
func hasToken(r *http.Request) bool {
	given := r.Header.Get("Authorization")
	if r.URL.Path == "/v1/swarm" {
		return given == ""
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return false
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	user, isToken := strings.CutPrefix(given, "Bearer token of ")
	var reactions []wire.Reaction
	switch r.URL.Path {
	case "/send_emoji":
		body = append(append([]byte{'['}, body...), ']')
	case "/v1/reactions":
	default:
		return isToken
	}
	if json.Unmarshal(body, &reactions) != nil {
		return false
	}
	for _, one := range reactions {
		if one.UserID != user {
			return false
		}
	}
	return isToken
}

// Each user shows a token of their own, and so do listeners when they register; streams are
// shown none. A request is that of one user, and no token stands in the report.
func TestRunWithTokens(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		batch int
		http2 bool
	}{"one by one": {1, false}, "together": {8, false}, "over HTTP/2": {1, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startFaulty(t, faults{tokens: true, cut: true})
			var mu sync.Mutex
			asked := map[string]int{}
			cfg := loadgen.Config{
				Server: s.url, HTTP2: tt.http2, Rate: 400, Batch: tt.batch, Users: 20, Duration: time.Second, Connections: 4,
				Listeners: 3, Timeout: longTimeout, Drain: longTimeout, BalanceTimeout: longTimeout,
				Token: func(user string, at time.Time) (string, time.Time) {
					mu.Lock()
					defer mu.Unlock()
					asked[user]++
					return "token of " + user, at.Add(time.Hour)
				},
			}
			r, err := loadgen.Run(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := balanceOf(t, r), (balance{Sent: 400, Accepted: 400, Counted: 400}); got != want {
				t.Errorf("got %+v, want %+v: %v", got, want, r.Errors)
			}
			if r.Listeners.Connected != 3 || r.Listeners.Refused > 0 {
				t.Errorf("listeners %+v", r.Listeners)
			}
			for user, n := range asked {
				if n > cfg.Connections+cfg.Listeners { // those that ask at the same time
					t.Errorf("the token of %s was asked for %d times", user, n)
				}
			}
			b, err := json.Marshal(r)
			if err != nil || strings.Contains(string(b), "token of") || !strings.Contains(string(b), `"headers":["Authorization"]`) {
				t.Errorf("%v: %s", err, b)
			}
		})
	}
}

// A token is renewed before it ends, not all of them at once, and for the time when it is
// shown rather than when the request is made.
func TestTokensAreRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		const users = 100
		made := 0
		token := loadgen.TokenOf(loadgen.Config{Users: users, Token: func(user string, at time.Time) (string, time.Time) {
			made++
			until := at.Add(10 * time.Second)
			return fmt.Sprintf("%s %d", user, until.Sub(start).Milliseconds()), until
		}})
		end := func(user int, at time.Time) int64 {
			var of string
			var until int64
			if _, err := fmt.Sscanf(token(user, at), "%s %d", &of, &until); err != nil || of != fmt.Sprintf("bench-%d", user) {
				t.Errorf("%q: %v", of, err)
			}
			return until
		}
		renewed := map[int64]int{} // how many users have renewed theirs, by second
		before := make([]int64, users)
		for second := range int64(31) {
			now := time.Now()
			for user := range users {
				until := end(user, now)
				if until <= now.Sub(start).Milliseconds() {
					t.Fatalf("after %d s user %d shows a token until %d ms", second, user, until)
				}
				if before[user] != 0 && before[user] != until {
					renewed[second]++
				}
				before[user] = until
			}
			time.Sleep(time.Second)
		}
		if n := renewed[7] + renewed[8] + renewed[9]; n != users || renewed[8] == users {
			t.Errorf("renewed by second: %v", renewed)
		}
		if made > 5*users {
			t.Errorf("%d tokens for %d users in 30 s", made, users)
		}
		if until := end(0, time.Now().Add(time.Hour)); until < (time.Hour + 31*time.Second).Milliseconds() {
			t.Errorf("what is sent in an hour has a token until %d ms", until)
		}
	})
}

// What contradicts a token is refused before anything is sent.
func TestTokensThatCannotBeShown(t *testing.T) {
	t.Parallel()
	token := func(string, time.Time) (string, time.Time) { return "t", time.Time{} }
	for want, cfg := range map[string]loadgen.Config{
		"another service is shown no tokens": {Publish: &loadgen.Publish{PostURL: "http://localhost"}, Token: token},
		"and a header Authorization":         {Server: "http://localhost", Headers: []string{"authorization: x"}, Token: token},
		"the server has a user":              {Server: "http://ann@localhost", Token: token},
		"users 1000001":                      {Server: "http://localhost", Users: 1_000_001, Token: token},
	} {
		if err := cfg.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
