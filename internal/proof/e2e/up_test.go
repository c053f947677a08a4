package e2e_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// A tap is shown on both kinds of stream: swarms and single emojis.
func TestTapIsShown(t *testing.T) {
	sideBySide(t)
	p, in := up(t)
	res, err := http.Get(in.main[0] + "/register?user_id=ann")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var a struct {
		ServerURL  string `json:"server_url"`
		ServerName string `json:"server_name"`
		UserID     string `json:"user_id"`
		Message    string `json:"message"`
		StreamURL  string `json:"stream_url"`
	}
	if err := json.NewDecoder(res.Body).Decode(&a); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("register: %d %v", res.StatusCode, err)
	}
	if base := in.servers[a.ServerName]; base == "" || a.ServerURL != base+"/"+a.ServerName || a.StreamURL != base+"/v1/swarm" ||
		a.UserID != "ann" || a.Message != "Assigned to "+a.ServerName {
		t.Fatalf("register answered %+v", a)
	}

	singles, err := http.Get(a.ServerURL)
	if err != nil {
		t.Fatal(err)
	}
	defer singles.Body.Close()
	swarms := listen(t, in.servers[a.ServerName])

	got, err := post(in.main[0]+"/send_emoji", "application/json", `{"user_id":"ann","emoji_type":":fire:","timestamp":"2025-01-01T00:00:00"}`)
	if err != nil || got.status != http.StatusOK || !strings.Contains(got.body, `"status":"Message queued","accepted_at":"`) {
		t.Fatalf("send_emoji answered %+v, %v", got, err)
	}
	data := ""
	for s := bufio.NewScanner(singles.Body); data == "" && s.Scan(); {
		data, _ = strings.CutPrefix(s.Text(), "data: ")
		if data == s.Text() {
			data = ""
		}
	}
	if data != `"🔥"` {
		t.Errorf("the stream of single emojis sent %q", data)
	}
	until(t, "the swarm", func() error {
		if swarms.total(time.Time{}) != 1 {
			return fmt.Errorf("it shows %d", swarms.total(time.Time{}))
		}
		return nil
	})
	in.checkRecords()
	if code := p.stop(); code != 0 {
		t.Errorf("up ended with %d when it was asked to stop", code)
	}
}

// The metrics of all stages are there, and their numbers are right after a few
// reactions.
func TestMetrics(t *testing.T) {
	sideBySide(t)
	p, in := up(t, "--metrics-listen", "127.0.0.1:0", "--ephemeral")
	led := in.crowd(t.Context(), 50, 2, 0)
	in.checkCounted(led)
	until(t, "the metrics", func() error {
		res, err := http.Get(in.metrics)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			return err
		}
		for _, want := range []string{
			"\nemostream_reactions_accepted_total 50\n",
			"\nemostream_produce_seconds_count ",
			"\nemostream_produce_batch_records_sum 50\n",
			"\nemostream_aggregate_records_read_total 50\n",
			"\nemostream_aggregate_late_records_total 0\n",
			"\nemostream_aggregate_windows_total ",
			"\nemostream_aggregate_revisions_total ",
			`emostream_aggregate_lag_records{partition="0",topic="` + in.names.Reactions() + `"} 0`,
			"\nemostream_publish_swarms_total ",
			`emostream_publish_lag_records{partition="0",topic="` + in.names.Counts() + `"} 0`,
			`emostream_subscribe_clients{server="sub1"} 0`,
			`emostream_subscribe_window_delay_seconds_count{server="sub6"}`,
			"\nemostream_build_info{",
		} {
			if !strings.Contains(string(b), want) {
				return fmt.Errorf("no %q in them", want)
			}
		}
		return nil
	})
	if got, err := post(in.main[0]+"/send_emoji", "application/json", `{}`); err != nil || got.code != "missing_field" {
		t.Fatalf("%+v, %v", got, err)
	}
	if code := p.stop(); code != 0 {
		t.Errorf("up ended with %d", code)
	}
}

// Reactions that many connections send at once are all counted and shown, once.
func TestTotals(t *testing.T) {
	sideBySide(t)
	_, in := up(t)
	listeners := map[string]*listener{}
	for name, url := range in.servers {
		listeners[name] = listen(t, url)
	}
	led := in.crowd(t.Context(), 10_000, 32, 10*time.Second)
	if led.total != 10_000 {
		t.Fatalf("%d of 10000 were acknowledged, %d in doubt, %v", led.total, led.inDoubt, led.failed)
	}
	in.checkCounted(led)
	in.checkRecords()
	for name, l := range listeners {
		l.checkShown(t, name, time.Time{}, led)
	}
}

// An up that is killed in the middle of a window and started again has lost no
// acknowledged reaction and counts none twice.
func TestKilled(t *testing.T) {
	sideBySide(t)
	dir := t.TempDir()
	more := []string{}
	if os.Getenv("EMOSTREAM_TEST_BROKERS") == "" {
		more = []string{"--data-dir", dir}
	}
	var in *installation
	total := &outcomeCounts{accepted: map[string]int64{}}
	args := []string{}
	for round := range 3 {
		var p *process
		if round == 0 {
			p, in = up(t, more...)
		} else {
			p = start(t, args...)
			in = &installation{t: t, servers: map[string]string{}, names: in.names}
			in.read(p.line())
		}
		args = p.cmd.Args[1:]
		done := make(chan *outcomeCounts)
		go func() { done <- in.crowd(t.Context(), 2000, 16, 3*time.Second) }()
		if round < 2 {
			<-time.After(1200 * time.Millisecond) // a moment within a window, with requests in flight
			p.kill()
		}
		led := <-done
		for e, n := range led.accepted {
			total.accepted[e] += n
		}
		total.total += led.total
		total.inDoubt += led.inDoubt
	}
	in.checkCounted(total)
}
