package ingest_test

import (
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/controls"
	"github.com/emostream/emostream/internal/emoji"
	"github.com/emostream/emostream/internal/quota"
	"github.com/emostream/emostream/server/ingest"
)

// A page is told how the server is set before anybody logs in.
func TestConfigCall(t *testing.T) {
	channels, err := ingest.ParseChannels([]string{"main", "stage-*"})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		cfg  ingest.Config
		want string
	}{
		"nothing set": {ingest.Config{}, `{"channels":["*"],"palette":["🔥","😂","👍","🎉","💯","😮","😢","🚀","💖"],"names":{"🎉":"party popper","👍":"thumbs up","💖":"sparkling heart","💯":"hundred points","🔥":"fire","😂":"face with tears of joy","😢":"crying face","😮":"face with open mouth","🚀":"rocket"},"any_emoji":true,"hidden":[],"limits":{"count":100,"items":10000},"token_needed":{"send":false,"watch":false},"paused":{},"slowed":{},"more_channels":false}`},
		"much set": {ingest.Config{
			Channels: channels, Allowed: []emoji.Emoji{"🎉", "❤️", "🎉"}, Window: func() time.Duration { return 2 * time.Second }, LoginURL: "https://login.example/",
			Quotas: ingest.Quotas{User: quota.Rate{PerSecond: 0.5, Burst: 1}, Address: quota.Rate{PerSecond: 5000, Burst: 10_000}},
		}, `{"channels":["main","stage-*"],"palette":["🎉","❤️"],"names":{"❤️":"red heart","🎉":"party popper"},"any_emoji":false,"hidden":[],"window_ms":2000,"limits":{"count":100,"items":10000,"user":{"per_second":0.5,"at_once":1},"address":{"per_second":5000,"at_once":10000}},"token_needed":{"send":false,"watch":false},"paused":{},"slowed":{},"more_channels":false,"login_url":"https://login.example/"}`},
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			asked := time.Now()
			routes(&memory{t: t}, tt.cfg).ServeHTTP(w, httptest.NewRequest("GET", "/v1/config", nil))
			got, rest, _ := strings.Cut(w.Body.String(), `,"now":"`)
			now, rest, _ := strings.Cut(rest, `"`)
			if at, err := time.Parse(time.RFC3339, now); err != nil || at.Before(asked.Truncate(time.Millisecond)) || at.After(time.Now()) {
				t.Errorf("the time is %s", now)
			}
			if got += rest; w.Code != 200 || got != tt.want+"\n" || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("answered %d %v %s, want %s", w.Code, w.Header(), got, tt.want)
			}
		})
	}
}

// Anybody may ask for the settings, so that asking costs no more where many users are banned.
func TestConfigCallWithManyBans(t *testing.T) {
	cost := func(table *controls.Table) float64 {
		h := routes(&memory{t: t}, ingest.Config{Controls: table})
		return testing.AllocsPerRun(100, func() {
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/v1/config", nil))
		})
	}
	var banned controls.Table
	for i := range controls.MaxOfKind {
		set(t, &banned, controls.Control{Kind: controls.User, Name: strconv.Itoa(i)})
	}
	if without, with := cost(&controls.Table{}), cost(&banned); with > without+5 {
		t.Errorf("%v allocations, and %v where users are banned", without, with)
	}
}

// What is set for channels and emojis is told as long as it is not much, and what is set for
// the channel that is asked for always.
func TestConfigCallTellsControls(t *testing.T) {
	var few, many controls.Table
	for _, table := range []*controls.Table{&few, &many} {
		set(t, table, controls.Control{Kind: controls.Channel, Name: "main", State: controls.Closed, Reason: "the end"})
		set(t, table, controls.Control{Kind: controls.Channel, Name: "room", State: controls.Slowed, PerUser: quota.Rate{PerSecond: 1, Burst: 1}})
		set(t, table, controls.Control{Kind: controls.Emoji, Name: "💩", State: controls.Hidden})
	}
	for i := range controls.MaxOfKind - 2 {
		set(t, &many, controls.Control{Kind: controls.Channel, Name: "x" + strconv.Itoa(i), State: controls.Paused, Reason: strings.Repeat("why ", 50)})
	}
	for e := range emoji.All() {
		set(t, &many, controls.Control{Kind: controls.Emoji, Name: string(e), State: controls.Hidden})
	}
	const closed, slowed = `"main":{"state":"closed","reason":"the end"}`, `"room":{"state":"slowed","per_user":{"per_second":1,"at_once":1}}`
	for name, tt := range map[string]struct {
		of     *controls.Table
		query  string
		status int
		want   []string
	}{
		"few, of all":                  {&few, "", 200, []string{`"hidden":["💩"]`, `"paused":{` + closed + `},"slowed":{` + slowed + `},"more_channels":false`}},
		"few, of one":                  {&few, "?channel=room", 200, []string{`"paused":{},"slowed":{` + slowed + `},"more_channels":false`}},
		"few, of one that is open":     {&few, "?channel=open", 200, []string{`"paused":{},"slowed":{},"more_channels":false`}},
		"many, of all":                 {&many, "", 200, []string{`"hidden":null`, `"paused":{` + closed + `},"slowed":{},"more_channels":true`}},
		"many, of one":                 {&many, "?channel=room", 200, []string{`"paused":{},"slowed":{` + slowed + `},"more_channels":false`}},
		"of a channel that cannot be":  {&few, "?channel=a/b", 422, []string{`channel \"a/b\": 1 to 64 of`, `"code":"invalid_channel"`}},
		"of a channel without a name ": {&few, "?channel=", 200, []string{closed, slowed}},
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			routes(&memory{t: t}, ingest.Config{Controls: tt.of}).ServeHTTP(w, httptest.NewRequest("GET", "/v1/config"+tt.query, nil))
			for _, want := range tt.want {
				if got := w.Body.String(); w.Code != tt.status || !strings.Contains(got, want) || len(got) > 2000 {
					t.Errorf("answered %d %.2000s, want %s", w.Code, got, want)
				}
			}
		})
	}
}
