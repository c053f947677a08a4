package ingest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/quota"
	"github.com/emostream/emostream/server/ingest"
)

const (
	ann = "192.0.2.1:1"
	bob = "192.0.2.2:1"
	eve = "192.0.2.3:1"
)

// One address may have a quarter of what may be in flight: one more is refused, and
// other addresses are served. Addresses on loopback have no share.
func TestSharesInFlight(t *testing.T) {
	const mega, small = 1 << 20, 16 << 10
	large := func(length int) string { return "[" + fire + strings.Repeat(" ", length-len(fire)-2) + "]" }
	for name, tt := range map[string]struct {
		bounds      ingest.Bounds
		contentType string
		bodies      []string // those that fit one share
		more        string   // one that does not
		fits        string   // one that fits still; "": none does
	}{
		"requests":     {ingest.Bounds{MaxRequests: 8}, asJSON, []string{fire, fire}, fire, ""},
		"streams":      {ingest.Bounds{MaxStreams: 11}, asLines, []string{fire, fire}, fire, ""},
		"large bodies": {ingest.Bounds{MaxRequests: 16}, asJSON, []string{large(small + 1), large(small + 1)}, large(small + 1), fire},
		"bytes":        {ingest.Bounds{MaxBytes: 32 * mega}, asJSON, []string{large(4 * mega), large(4 * mega)}, large(3*small + 1), large(3 * small)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var free chan struct{}
				h := routes(&memory{t: t, answer: func(context.Context, int) error { <-free; return nil }}, ingest.Config{Bounds: tt.bounds})
				for _, length := range []func(body string) int64{ // declared, and not
					func(body string) int64 { return int64(len(body)) }, func(string) int64 { return -1 },
				} {
					if name == "bytes" && length("x") < 0 {
						continue // more is counted than has come, see TestBytesCountAsTheyCome
					}
					answers := make(chan int)
					free = make(chan struct{})
					send := func(address, body string) {
						go func() {
							answers <- askFrom(h, address, "/v1/reactions", tt.contentType, strings.NewReader(body), length(body)).Code
						}()
						synctest.Wait()
					}
					waiting := 0
					for _, address := range []string{ann, bob} {
						for _, body := range tt.bodies {
							send(address, body)
							waiting++
						}
					}
					for range 2 {
						got := askFrom(h, ann, "/v1/reactions", tt.contentType, strings.NewReader(tt.more), length(tt.more))
						if p := refusalIn(t, got); got.Code != http.StatusServiceUnavailable || p.Code != "overloaded" || !strings.Contains(p.Error, "this address has its share") || got.Header().Get("Retry-After") != "1" {
							t.Errorf("more than the share: %d %+v", got.Code, p)
						}
					}
					if tt.fits != "" {
						send(ann, tt.fits)
						waiting++
					}
					for _, address := range []string{"127.0.0.1:1", "[::1]:1", "[::1]:2", "[::1]:3"} {
						send(address, tt.more)
						waiting++
					}
					close(free)
					for range waiting {
						if code := <-answers; code != http.StatusOK {
							t.Errorf("one of those that fit: %d", code)
						}
					}
				}
			})
		})
	}
}

// inChannels returns an array with a reaction in each of the channels from..from+n-1.
func inChannels(from, n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`{"user_id":"u","emoji_type":"🔥","channel":"c%d"}`, from+i))
	}
	return "[" + strings.Join(all, ",") + "]"
}

// Who invents names of channels does not keep others from theirs.
func TestInventedChannels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := routes(&memory{t: t}, ingest.Config{})
		send := func(address, body string, accepted int) {
			t.Helper()
			got := askFrom(h, address, "/v1/reactions", asJSON, strings.NewReader(body), int64(len(body)))
			o := outcomesIn(t, got)
			if o.Accepted != accepted {
				t.Errorf("%s: %d were accepted, want %d", address, o.Accepted, accepted)
			}
			for _, r := range o.Results {
				if r.Code != "" && r.Code != "too_many_channels" {
					t.Errorf("refused with %s", r.Code)
				}
			}
		}
		stage := func(address, channel string, times int) {
			t.Helper()
			for range times {
				send(address, fmt.Sprintf(`[{"user_id":"u","emoji_type":"🔥","channel":%q}]`, channel), 1)
			}
		}
		stage(ann, "stage-1", 3)
		send(ann, inChannels(0, 249), 249) // its share
		send(ann, inChannels(249, 751), 0)
		send(ann, inChannels(0, 249), 249) // the known ones are open
		stage(bob, "stage-2", 1)
		stage(ann, "stage-2", 1)

		// All places are taken. Those of others go to who has fewer, and those of ann and
		// bob do not go to each other.
		send(bob, inChannels(1000, 249), 249)
		send(eve, inChannels(2000, 250), 250)
		send("192.0.2.4:1", inChannels(3000, 250), 249)
		send(ann, inChannels(9000, 1), 0)
		for i := range 199 {
			stage("192.0.2.5:1", fmt.Sprintf("venue-%d", i), 2)
		}
		stage(ann, "stage-1", 1) // the busiest of its inventor has its place
		stage(bob, "stage-2", 1)

		// Within a minute no more are replaced than there are places.
		replaced := 0
		for i := range 100 {
			address, body := fmt.Sprintf("198.51.100.%d:1", i), inChannels(10_000+100*i, 100)
			replaced += outcomesIn(t, askFrom(h, address, "/v1/reactions", asJSON, strings.NewReader(body), int64(len(body)))).Accepted
		}
		if replaced < 500 || replaced > 999-198 {
			t.Errorf("%d more were replaced", replaced)
		}
		<-time.After(2 * time.Minute) // idle ones make way
		stage("198.51.100.200:1", "stage-3", 1)
		send(ann, inChannels(20_000, 250), 250)
	})
}

// A reaction that is refused for its channel costs its user and its address nothing.
func TestRefusedChannelsCostNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		three := quota.Rate{PerSecond: 1, Burst: 3}
		h := routes(&memory{t: t}, ingest.Config{MaxChannels: 1, Quotas: ingest.Quotas{User: three, Address: three}})
		for range 9 {
			if got := (sender{"ann", ann, ""}).sendIn(h, "x", 3); got.Code != http.StatusUnprocessableEntity || refusalIn(t, got).Code != "too_many_channels" {
				t.Errorf("answered %d %s", got.Code, got.Body)
			}
		}
		if got := (sender{"ann", ann, ""}).send(h, 3); got.Code != http.StatusOK {
			t.Errorf("answered %d %s", got.Code, got.Body)
		}
	})
}

// Only channels that are allowed may be used.
func TestAllowedChannels(t *testing.T) {
	for _, tt := range []struct {
		list    string
		allowed string
		refused string
	}{
		{"", "main a stage-1", ""},
		{"*", "main a stage-1", ""},
		{"main", "main", "a stage-1 Main main-2 mai"},
		{"main,stage-*", "main stage- stage-1 stage-1.b", "stage sTage-1 a xstage-1"},
		{"a*,b", "a ab b", "main bb c"},
	} {
		t.Run(tt.list, func(t *testing.T) {
			channels, err := ingest.ParseChannels(strings.FieldsFunc(tt.list, func(r rune) bool { return r == ',' }))
			if err != nil {
				t.Fatal(err)
			}
			log := &memory{t: t}
			h := routes(log, ingest.Config{Channels: channels, Quotas: ingest.Quotas{User: quota.Rate{PerSecond: 1, Burst: 9}}})
			for channel := range strings.FieldsSeq(tt.refused) {
				got := (sender{"ann", ann, ""}).sendIn(h, channel, 9)
				if p := refusalIn(t, got); got.Code != http.StatusUnprocessableEntity || p.Code != "channel_not_allowed" || !strings.Contains(p.Error, strings.ReplaceAll(tt.list, ",", ", ")) {
					t.Errorf("%s: %d %+v", channel, got.Code, p)
				}
			}
			for channel := range strings.FieldsSeq(tt.allowed) {
				if got := (sender{"ann", ann, ""}).sendIn(h, channel, 1); got.Code != http.StatusOK {
					t.Errorf("%s: %d %s", channel, got.Code, got.Body)
				}
			}
			if n := len(log.values()); n != len(strings.Fields(tt.allowed)) {
				t.Errorf("the log has %d records", n)
			}
		})
	}
	for _, wrong := range []string{"", "a b", "*a", "a**", "é", "stage-?", strings.Repeat("x", 65)} {
		if _, err := ingest.ParseChannels([]string{"main", wrong}); err == nil || !strings.Contains(err.Error(), "as in stage-*") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

// The answer to an array is not many times as large as the array, whatever is in it.
func TestAnswersToArraysAreBounded(t *testing.T) {
	for name, tt := range map[string]struct {
		item   string
		n      int
		status int
		code   string // of a refusal of the whole
	}{
		"a hundred zeros":           {"0", 100, 422, ""},
		"a hundred and one":         {"0", 101, 422, "no_reactions"},
		"ten thousand zeros":        {"0", 10_000, 422, "no_reactions"},
		"ten thousand objects":      {"{}", 10_000, 422, "no_reactions"},
		"as long as is judged":      {strings.Repeat(" ", 14) + "0", 10_000, 422, ""},
		"a byte less":               {strings.Repeat(" ", 13) + "0", 10_000, 422, "no_reactions"},
		"ten thousand bad emojis":   {`{"user_id":"a","emoji_type":"<"}`, 10_000, 422, ""},
		"ten thousand bad channels": {`{"user_id":"a","emoji_type":"🔥","channel":"` + strings.Repeat("<", 64) + `"}`, 10_000, 422, ""},
		"ten thousand good ones":    {fire, 10_000, 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			body := "[" + strings.Repeat(tt.item+",", tt.n-1) + tt.item + "]"
			got := post(routes(&memory{t: t}, ingest.Config{}), "/v1/reactions", asJSON, body)
			size := got.Body.Len()
			o := outcomesIn(t, got)
			if got.Code != tt.status || o.Code != tt.code {
				t.Errorf("answered %d %s", got.Code, o.Code)
			}
			if size > 6*len(body)+32<<10 {
				t.Errorf("%d bytes were answered to %d", size, len(body))
			}
			if tt.code != "" {
				return
			}
			if len(o.Results) != tt.n || o.Accepted+o.Rejected != tt.n {
				t.Errorf("%d results, %d accepted, %d rejected", len(o.Results), o.Accepted, o.Rejected)
			}
			for i, r := range o.Results {
				if (r.Code == "") != (r.AcceptedAt != "") || r.Code != "" && r.Error == "" && i < 100 {
					t.Fatalf("result %d is %+v", i, r)
				}
			}
		})
	}
}

// What keeps a stream open is lines: neither blank ones nor pieces of one do.
func TestStreamHeldOpen(t *testing.T) {
	for name, piece := range map[string]string{"blank lines": "\n", "spaces": " \r\n", "a line a byte at a time": "x"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := connect(t, routes(&memory{t: t}, ingest.Config{}))
				start := time.Now()
				go func() {
					_, err := io.WriteString(c, "POST /v1/reactions HTTP/1.1\r\nHost: emo\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n")
					for err == nil {
						_, err = io.WriteString(c, fmt.Sprintf("%x\r\n%s\r\n", len(piece), piece))
						<-time.After(20 * time.Second)
					}
				}()
				got, err := io.ReadAll(c)
				if took := time.Since(start); err != nil || !strings.Contains(string(got), " 408 ") || !strings.Contains(string(got), "too_slow") || took < 2*time.Minute || took > 2*time.Minute+time.Second {
					t.Errorf("answered %s after %v: %v", got, took, err)
				}
				<-time.After(time.Minute) // until the writer has noticed
			})
		})
	}
}
