package ingest_test

import (
	"net/http/httptest"
	"strconv"
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
		"nothing set": {ingest.Config{}, `{"channels":["*"],"palette":["🔥","😂","👍","🎉","💯","😮","😢","🚀","💖"],"names":{"🎉":"party popper","👍":"thumbs up","💖":"sparkling heart","💯":"hundred points","🔥":"fire","😂":"face with tears of joy","😢":"crying face","😮":"face with open mouth","🚀":"rocket"},"any_emoji":true,"limits":{"count":100,"items":10000},"token_needed":{"send":false,"watch":false},"paused":{},"slowed":{}}`},
		"much set": {ingest.Config{
			Channels: channels, Allowed: []emoji.Emoji{"🎉", "❤️", "🎉"}, Window: func() time.Duration { return 2 * time.Second }, LoginURL: "https://login.example/",
			Quotas: ingest.Quotas{User: quota.Rate{PerSecond: 0.5, Burst: 1}, Address: quota.Rate{PerSecond: 5000, Burst: 10_000}},
		}, `{"channels":["main","stage-*"],"palette":["🎉","❤️"],"names":{"❤️":"red heart","🎉":"party popper"},"any_emoji":false,"window_ms":2000,"limits":{"count":100,"items":10000,"user":{"per_second":0.5,"at_once":1},"address":{"per_second":5000,"at_once":10000}},"token_needed":{"send":false,"watch":false},"paused":{},"slowed":{},"login_url":"https://login.example/"}`},
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			routes(&memory{t: t}, tt.cfg).ServeHTTP(w, httptest.NewRequest("GET", "/v1/config", nil))
			if got := w.Body.String(); w.Code != 200 || got != tt.want+"\n" || w.Header().Get("Cache-Control") != "no-store" {
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
