package ingest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/controls"
	"github.com/emostream/emostream/internal/quota"
	"github.com/emostream/emostream/server/ingest"
)

func set(t *testing.T, table *controls.Table, all ...controls.Control) {
	t.Helper()
	for _, c := range all {
		clean, err := controls.Clean(c)
		if err == nil {
			err = table.Set(clean)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// What managers have set is refused by its code, with its end and its reason, and
// everything else is taken.
func TestControls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table controls.Table
		until := time.Date(2000, 1, 1, 0, 10, 0, 0, time.UTC) // ten minutes after the time in synctest begins
		set(
			t, &table,
			controls.Control{Kind: controls.Channel, Name: "stage", State: controls.Paused, Until: until, Reason: "a short break"},
			controls.Control{Kind: controls.Channel, Name: "old", State: controls.Closed},
			controls.Control{Kind: controls.User, Name: "bob", Reason: "spam"},
			controls.Control{Kind: controls.User, Name: "eve", Until: until},
			controls.Control{Kind: controls.Emoji, Name: "❤", Until: until},
		)
		log := &memory{t: t}
		h := routes(log, ingest.Config{Controls: &table, Quotas: ingest.Quotas{User: quota.Rate{PerSecond: 0.001, Burst: 1}}})
		reaction := func(user, emoji, channel string) string {
			return `{"user_id":"` + user + `","emoji_type":"` + emoji + `","channel":"` + channel + `"}`
		}
		for name, tt := range map[string]struct{ body, code, says string }{
			"paused":                   {reaction("a", "🔥", "stage"), "paused", `channel "stage" is paused until 2000-01-01T00:10:00.000Z (a short break): send again when it goes on`},
			"closed":                   {reaction("a", "🔥", "old"), "closed", `channel "old" is closed: it takes no more reactions`},
			"banned":                   {reaction("bob", "🔥", "main"), "banned", `user_id "bob" is banned (spam): nothing is taken from it`},
			"banned for a while":       {reaction("eve", "🔥", "main"), "banned", `user_id "eve" is banned until 2000-01-01T00:10:00.000Z: nothing is taken from it until then`},
			"banned in paused channel": {reaction("bob", "🔥", "stage"), "banned", "is banned"},
			"hidden":                   {reaction("a", "❤️", "main"), "hidden_emoji", "❤️ is not taken until 2000-01-01T00:10:00.000Z: send another emoji"},
			"hidden, spelled shorter":  {reaction("a", "❤", "main"), "hidden_emoji", ""},
			"hidden, as a shortcode":   {reaction("a", ":heart:", "main"), "hidden_emoji", ""},
			"other case of a channel":  {reaction("b", "🔥", "Stage"), "", ""},
			"other case of a user":     {reaction("Bob", "🔥", "main"), "", ""},
			"another emoji":            {reaction("c", "💔", "main"), "", ""},
		} {
			answer := post(h, "/send_emoji", asJSON, tt.body)
			var refused struct{ Error, Code string }
			_ = json.Unmarshal(answer.Body.Bytes(), &refused)
			want := http.StatusForbidden
			if tt.code == "" {
				want = http.StatusOK
			}
			if answer.Code != want || refused.Code != tt.code || !strings.Contains(refused.Error, tt.says) {
				t.Errorf("%s: answered %d %s", name, answer.Code, answer.Body)
			}
		}
		if answer := post(h, "/send_emoji", asJSON, reaction("bob", "🔥", "main")); strings.Contains(answer.Body.String(), "until") {
			t.Errorf("a ban without an end is answered %s", answer.Body)
		}
		// What is refused costs no token, and an item of an array or a line is refused by itself.
		answer := post(h, "/v1/reactions", asJSON, "["+reaction("a", "🔥", "stage")+","+reaction("a", "🔥", "main")+"]")
		if answer.Code != http.StatusOK || !strings.Contains(answer.Body.String(), `"accepted":1,"rejected":1,`) || !strings.Contains(answer.Body.String(), `"code":"paused"`) {
			t.Errorf("an array is answered %d %s", answer.Code, answer.Body)
		}
		<-time.After(10 * time.Minute)
		answer = post(h, "/v1/reactions", "application/x-ndjson", reaction("d", "❤", "stage")+"\n"+reaction("e", "❤", "old")+"\n")
		if answer.Code != http.StatusOK || !strings.Contains(answer.Body.String(), `"accepted":1,"rejected":1,`) || !strings.Contains(answer.Body.String(), `"code":"closed"`) {
			t.Errorf("lines are answered %d %s", answer.Code, answer.Body)
		}
		if n := len(log.values()); n != 5 {
			t.Errorf("%d reactions are in the log, want 5", n)
		}
	})
}

// In a channel that is slowed each user has the rate that was set, and is told when to come
// again. Other channels are as they were.
func TestSlowedChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table controls.Table
		slow := func(rate quota.Rate) {
			set(t, &table, controls.Control{Kind: controls.Channel, Name: "stage", State: controls.Slowed, PerUser: rate, Reason: "calm down"})
		}
		h := routes(&memory{t: t}, ingest.Config{Controls: &table, MaxChannels: 2})
		send := func(channel, user, count string, status int, says string) {
			t.Helper()
			answer := post(h, "/send_emoji", asJSON, `{"user_id":"`+user+`","emoji_type":"🔥","channel":"`+channel+`","count":`+count+`}`)
			if answer.Code != status || !strings.Contains(answer.Body.String(), says) {
				t.Errorf("answered %d %s, want %d and %s", answer.Code, answer.Body, status, says)
			}
			if status == http.StatusTooManyRequests && answer.Header().Get("Retry-After") != "2" {
				t.Errorf("Retry-After is %q", answer.Header().Get("Retry-After"))
			}
		}
		slow(quota.Rate{PerSecond: 0.5, Burst: 2})
		send("stage", "ann", "2", http.StatusOK, "")
		send("stage", "ann", "1", http.StatusTooManyRequests, `channel \"stage\" is slowed (calm down), each user_id may send 30/m:2: send it again after 2s`)
		send("stage", "bob", "1", http.StatusOK, "")
		send("main", "ann", "100", http.StatusOK, "")
		send("stage", "cleo", "3", http.StatusUnprocessableEntity, "at most 2 are allowed at once")
		<-time.After(2 * time.Second)
		send("stage", "ann", "1", http.StatusOK, "")
		slow(quota.Rate{PerSecond: 100, Burst: 100})
		<-time.After(4 * time.Second)
		send("stage", "ann", "100", http.StatusOK, "")
		table.Remove(controls.Channel, "stage")
		send("stage", "ann", "100", http.StatusOK, "")
	})
}

// A reaction for whose channel there is no room has its tokens back.
func TestSlowedChannelWithoutRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table controls.Table
		set(t, &table, controls.Control{Kind: controls.Channel, Name: "late", State: controls.Slowed, PerUser: quota.Rate{PerSecond: 0.001, Burst: 1}})
		h := routes(&memory{t: t}, ingest.Config{Controls: &table, MaxChannels: 2})
		send := func(channel, user string, status int) {
			t.Helper()
			if answer := post(h, "/send_emoji", asJSON, `{"user_id":"`+user+`","emoji_type":"🔥","channel":"`+channel+`"}`); answer.Code != status {
				t.Errorf("%s in %s: answered %d %s, want %d", user, channel, answer.Code, answer.Body, status)
			}
		}
		send("early", "ann", http.StatusOK)
		send("late", "ann", http.StatusUnprocessableEntity)
		<-time.After(2 * time.Minute)
		send("late", "ann", http.StatusOK)
		send("late", "ann", http.StatusTooManyRequests)
	})
}
