package ingest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/emostream/emostream/internal/emoji"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/server/ingest"
)

// midnight is the time at which every synctest bubble begins.
const midnight = "2000-01-01T00:00:00.000Z"

func TestSendEmojiAccepts(t *testing.T) {
	plain := `{"user_id":"ann","emoji_type":"🔥","timestamp":"t"}`
	long := strings.Repeat("é", 64)
	for name, tt := range map[string]struct {
		body string
		want string // the record
		n    int    // how many of it; 0: one
	}{
		"a plain emoji":            {body: plain, want: plain},
		"a heart without selector": {body: `{"user_id":"ann","emoji_type":"❤","timestamp":"t"}`, want: `{"user_id":"ann","emoji_type":"❤️","timestamp":"t"}`},
		"a superfluous selector":   {body: `{"user_id":"ann","emoji_type":"🔥` + "\uFE0F" + `","timestamp":"t"}`, want: plain},
		"one as Python writes it":  {body: `{"user_id": "ann", "emoji_type": "\u26bd\ufe0f", "timestamp": "t"}`, want: `{"user_id":"ann","emoji_type":"⚽","timestamp":"t"}`},
		"a byte order mark":        {body: "\uFEFF" + plain, want: plain},
		"a mark and a line break":  {body: "\uFEFF\r\n" + plain, want: plain},
		"two marks":                {body: "\uFEFF\uFEFF" + plain, want: plain},
		"numbers":                  {body: `{"user_id":42,"emoji_type":"🔥","timestamp":1732000000.25}`, want: `{"user_id":"42","emoji_type":"🔥","timestamp":"1732000000.25"}`},
		"numbers as they stand":    {body: `{"user_id":-0,"emoji_type":"🔥","timestamp":1e400}`, want: `{"user_id":"-0","emoji_type":"🔥","timestamp":"1e400"}`},
		"the longest numbers":      {body: `{"user_id":` + strings.Repeat("9", 128) + `,"emoji_type":"🔥","timestamp":` + strings.Repeat("9", 64) + `}`, want: `{"user_id":"` + strings.Repeat("9", 128) + `","emoji_type":"🔥","timestamp":"` + strings.Repeat("9", 64) + `"}`},
		"a shortcode":              {body: `{"user_id":"ann","emoji_type":":fire:","timestamp":"t"}`, want: plain},
		"a skin tone":              {body: `{"user_id":"ann","emoji_type":"👍🏽","timestamp":"t"}`, want: `{"user_id":"ann","emoji_type":"👍🏽","timestamp":"t"}`},
		"a family":                 {body: `{"user_id":"ann","emoji_type":"👨‍👩‍👧‍👦","timestamp":"t"}`, want: `{"user_id":"ann","emoji_type":"👨‍👩‍👧‍👦","timestamp":"t"}`},
		"a flag":                   {body: `{"user_id":"ann","emoji_type":"🇩🇪","timestamp":"t"}`, want: `{"user_id":"ann","emoji_type":"🇩🇪","timestamp":"t"}`},
		"escapes":                  {body: `{"user_id":"\u0061nn","emoji_type":"\ud83d\udd25","timestamp":"t"}`, want: plain},
		"no timestamp":             {body: `{"user_id":"ann","emoji_type":"🔥"}`, want: `{"user_id":"ann","emoji_type":"🔥","timestamp":"` + midnight + `"}`},
		"null where not needed":    {body: `{"user_id":"ann","emoji_type":"🔥","timestamp":null,"channel":null,"count":null}`, want: `{"user_id":"ann","emoji_type":"🔥","timestamp":"` + midnight + `"}`},
		"a time of another kind":   {body: `{"user_id":"ann","emoji_type":"🔥","timestamp":"2031-02-30 25:00 \"<b>\""}`, want: `{"user_id":"ann","emoji_type":"🔥","timestamp":"2031-02-30 25:00 \"\u003cb\u003e\""}`},
		"a channel":                {body: `{"user_id":"ann","emoji_type":"🔥","timestamp":"t","channel":"Stage-2.left_wing"}`, want: `{"user_id":"ann","emoji_type":"🔥","timestamp":"t","channel":"Stage-2.left_wing"}`},
		"the main channel by name": {body: `{"user_id":"ann","emoji_type":"🔥","timestamp":"t","channel":"main"}`, want: plain},
		"unknown fields":           {body: `{"v":{"a":[1,{"b":null}]},"user_id":"ann","emoji_type":"🔥","timestamp":"t","window":9}`, want: plain},
		"white space around":       {body: "\r\n\t " + plain + " \n", want: plain},
		"a count of one":           {body: `{"user_id":"ann","emoji_type":"🔥","timestamp":"t","count":1}`, want: plain},
		"a count of a hundred":     {body: `{"user_id":"ann","emoji_type":"🔥","timestamp":"t","count":100}`, want: plain, n: 100},
		"a count of Python's":      {body: `{"user_id":"ann","emoji_type":"🔥","timestamp":"t","count":5.0}`, want: plain, n: 5},
		"a count with an exponent": {body: `{"user_id":"ann","emoji_type":"🔥","timestamp":"t","count":1e2}`, want: plain, n: 100},
		"a heart in text style":    {body: `{"user_id":"ann","emoji_type":"❤` + "\uFE0E" + `","timestamp":"t"}`, want: `{"user_id":"ann","emoji_type":"❤️","timestamp":"t"}`},
		"the shortest user":        {body: `{"user_id":"a","emoji_type":"🔥","timestamp":"t"}`, want: `{"user_id":"a","emoji_type":"🔥","timestamp":"t"}`},
		"the longest user":         {body: `{"user_id":"` + long + `","emoji_type":"🔥","timestamp":"t"}`, want: `{"user_id":"` + long + `","emoji_type":"🔥","timestamp":"t"}`},
		"the longest timestamp":    {body: `{"user_id":"ann","emoji_type":"🔥","timestamp":"` + long[:64] + `"}`, want: `{"user_id":"ann","emoji_type":"🔥","timestamp":"` + long[:64] + `"}`},
		"the shortest channel":     {body: `{"user_id":"ann","emoji_type":"🔥","timestamp":"t","channel":"-"}`, want: `{"user_id":"ann","emoji_type":"🔥","timestamp":"t","channel":"-"}`},
		"the longest channel":      {body: `{"user_id":"ann","emoji_type":"🔥","timestamp":"t","channel":"` + strings.Repeat("Z", 64) + `"}`, want: `{"user_id":"ann","emoji_type":"🔥","timestamp":"t","channel":"` + strings.Repeat("Z", 64) + `"}`},
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"/send_emoji", "/v1/reactions"} {
				synctest.Test(t, func(t *testing.T) {
					log := &memory{t: t}
					got := post(routes(log, ingest.Config{}), path, asJSON, tt.body)
					if want := `{"status":"Message queued","accepted_at":"` + midnight + "\"}\n"; got.Code != http.StatusOK || got.Body.String() != want {
						t.Errorf("%s answered %d %s, want %s", path, got.Code, got.Body, want)
					}
					if diff := cmp.Diff(slices.Repeat([]string{tt.want}, max(1, tt.n)), log.values()); diff != "" {
						t.Errorf("%s: records (-want +got):\n%s", path, diff)
					}
				})
			}
		})
	}
}

func TestSendEmojiContentTypes(t *testing.T) {
	for name, contentType := range map[string]string{
		"plain":                "application/json",
		"with a charset":       "application/json; charset=utf-8",
		"in other letters":     "Application/JSON",
		"with another setting": `application/json;q="a;b"`,
	} {
		t.Run(name, func(t *testing.T) {
			log := &memory{t: t}
			got := post(routes(log, ingest.Config{}), "/send_emoji", contentType, `{"user_id":"ann","emoji_type":"🔥"}`)
			if got.Code != http.StatusOK || len(log.values()) != 1 {
				t.Errorf("answered %d %s with %d records", got.Code, got.Body, len(log.values()))
			}
		})
	}
}

// A record's time is when the reaction was accepted, however long the log takes to
// acknowledge it. The answer waits for the log.
func TestAcceptedAtIsTheTimeOfTheRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memory{t: t, answer: func(context.Context, int) error {
			<-time.After(4 * time.Second)
			return nil
		}}
		<-time.After(1234 * time.Millisecond)
		start := time.Now()
		got := post(routes(log, ingest.Config{}), "/send_emoji", asJSON, `{"user_id":"ann","emoji_type":"🔥","count":2}`)
		if d := time.Since(start); d != 4*time.Second {
			t.Errorf("the answer came after %v, and the log's after 4s", d)
		}
		if want := "2000-01-01T00:00:01.234Z"; !strings.Contains(got.Body.String(), want) {
			t.Errorf("answered %s, want %s", got.Body, want)
		}
		if diff := cmp.Diff([]int64{start.UnixMilli(), start.UnixMilli()}, log.times()); diff != "" {
			t.Errorf("times of the records (-want +got):\n%s", diff)
		}
	})
}

// If the log acknowledges the later of two reactions first, LastAccepted still returns
// the time of the later one.
func TestLastAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memory{t: t, answer: func(_ context.Context, n int) error {
			switch n {
			case 1:
				<-time.After(5 * time.Second)
			case 3:
				return stream.ErrNotWritten
			}
			return nil
		}}
		h := ingest.New(ingest.Config{Log: log})
		mux := http.NewServeMux()
		h.Routes(mux)
		if at := h.LastAccepted(); !at.IsZero() {
			t.Errorf("before the first reaction, one was accepted at %v", at)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			post(mux, "/send_emoji", asJSON, `{"user_id":"ann","emoji_type":"🔥"}`)
		}()
		<-time.After(time.Second)
		second := time.Now()
		post(mux, "/send_emoji", asJSON, `{"user_id":"bob","emoji_type":"🔥"}`)
		<-done
		post(mux, "/send_emoji", asJSON, `{"user_id":"eve","emoji_type":"🔥"}`) // not accepted
		if at := h.LastAccepted(); !at.Equal(second) {
			t.Errorf("last accepted at %v, want %v", at, second)
		}
	})
}

func TestOperatorNarrowsEmojis(t *testing.T) {
	log := &memory{t: t}
	h := routes(log, ingest.Config{Allowed: []emoji.Emoji{"🔥", "❤️", "🔥"}})
	for _, ok := range []string{"🔥", ":fire:", "❤"} {
		if got := post(h, "/send_emoji", asJSON, fmt.Sprintf(`{"user_id":"ann","emoji_type":%q}`, ok)); got.Code != http.StatusOK {
			t.Errorf("%s: answered %d %s", ok, got.Code, got.Body)
		}
	}
	got := post(h, "/send_emoji", asJSON, `{"user_id":"ann","emoji_type":"🎉"}`)
	p := refusalIn(t, got)
	if got.Code != http.StatusUnprocessableEntity || p.Code != "emoji_not_allowed" || !strings.HasSuffix(p.Error, "send one such as 🔥 ❤️") {
		t.Errorf("🎉: answered %d %+v", got.Code, p)
	}
	if n := len(log.values()); n != 3 {
		t.Errorf("the log has %d records, want 3", n)
	}
}

// A channel is active for a minute after its last reaction. The main channel is always
// active.
func TestChannelsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memory{t: t}
		h := routes(log, ingest.Config{MaxChannels: 3})
		send := func(channel string, want int) {
			t.Helper()
			got := post(h, "/send_emoji", asJSON, fmt.Sprintf(`{"user_id":"ann","emoji_type":"🔥","channel":%q}`, channel))
			if got.Code != want {
				t.Errorf("channel %s: answered %d %s, want %d", channel, got.Code, got.Body, want)
			}
			if want != http.StatusOK && refusalIn(t, got).Code != "too_many_channels" {
				t.Errorf("channel %s: answered %s", channel, got.Body)
			}
		}
		send("a", http.StatusOK)
		send("b", http.StatusOK)
		send("c", http.StatusUnprocessableEntity)
		send("main", http.StatusOK)
		send("a", http.StatusOK)
		<-time.After(time.Minute)
		send("b", http.StatusOK)
		send("c", http.StatusUnprocessableEntity) // a was active a minute ago
		<-time.After(time.Millisecond)
		send("c", http.StatusOK) // and is not active any more
		send("a", http.StatusUnprocessableEntity)
		if n := len(log.values()); n != 6 {
			t.Errorf("the log has %d records, want 6", n)
		}
	})
}

func TestOnlyTheMainChannel(t *testing.T) {
	h := routes(&memory{t: t}, ingest.Config{MaxChannels: 1})
	for channel, want := range map[string]int{"main": http.StatusOK, "a": http.StatusUnprocessableEntity} {
		if got := post(h, "/send_emoji", asJSON, `{"user_id":"ann","emoji_type":"🔥","channel":"`+channel+`"}`); got.Code != want {
			t.Errorf("channel %s: answered %d, want %d", channel, got.Code, want)
		}
	}
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	h := routes(&memory{t: t}, ingest.Config{Metrics: reg})
	post(h, "/send_emoji", asJSON, `{"user_id":"ann","emoji_type":"🔥","count":7}`)
	post(h, "/send_emoji", asJSON, `{"user_id":"ann","emoji_type":"A"}`)
	post(h, "/v1/reactions", asJSON, `[{"user_id":"ann","emoji_type":"B"},{"user_id":"ann","emoji_type":"🔥"},5]`)
	w := httptest.NewRecorder()
	promhttp.HandlerFor(reg, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, want := range []string{
		"emostream_reactions_accepted_total 8\n",
		`emostream_reactions_refused_total{code="not_an_emoji"} 2` + "\n",
		`emostream_reactions_refused_total{code="not_an_object"} 1` + "\n",
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %q in\n%s", want, w.Body)
		}
	}
}
