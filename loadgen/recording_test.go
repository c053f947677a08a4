package loadgen_test

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/loadgen"
)

// recorded yields reactions like "ann 🔥 3 1500": user, emoji, count and time in ms, which
// may be missing.
func recorded(lines ...string) iter.Seq2[loadgen.Reaction, error] {
	return func(yield func(loadgen.Reaction, error) bool) {
		for _, line := range lines {
			r := loadgen.Reaction{Count: 1, At: math.MinInt64}
			_, _ = fmt.Sscan(line, &r.User, &r.Emoji, &r.Count, &r.At)
			if !yield(r, nil) {
				return
			}
		}
	}
}

// A recording is sent in the order of its times, with what its users and emojis are.
func TestRecording(t *testing.T) {
	r, err := loadgen.NewRecording(recorded("first :fire:", "bob 🎉 2 2000", "a\"b ❤ 1 500", "bob ❤️ 1 1500", "bob 🔥"))
	if err != nil {
		t.Fatal(err)
	}
	cfg := loadgen.Config{Server: "http://127.0.0.1:1", Replay: r, AsRecorded: true, Headers: []string{"X: {{user}} {{emoji}}"}}
	var got []string
	for n := range int64(7) {
		request, err := loadgen.RequestBytes(t.Context(), cfg, n, time.UnixMilli(0))
		if err != nil {
			t.Fatal(err)
		}
		at, ok := loadgen.RecordedSchedule(r).Due(n)
		_, request, _ = strings.Cut(request, "X: ")
		head, body, _ := strings.Cut(request, "\r\n")
		_, body, _ = strings.Cut(body, "{")
		body, _, _ = strings.Cut(body, `,"timestamp"`)
		got = append(got, fmt.Sprint(head, " | ", body, " | ", at, ok))
	}
	want := []string{
		`first 🔥 | "user_id":"first","emoji_type":"🔥" | 0s true`,
		`a"b ❤️ | "user_id":"a\"b","emoji_type":"❤️" | 0s true`,
		`bob ❤️ | "user_id":"bob","emoji_type":"❤️" | 1s true`,
		`bob 🔥 | "user_id":"bob","emoji_type":"🔥" | 1s true`,
		`bob 🎉 | "user_id":"bob","emoji_type":"🎉" | 1.5s true`,
		`bob 🎉 | "user_id":"bob","emoji_type":"🎉" | 1.5s true`,
		`first 🔥 | "user_id":"first","emoji_type":"🔥" | 0s false`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRecordingsThatAreRefused(t *testing.T) {
	var many []string
	for e := range loadgen.Emojis(51) {
		many = append(many, "ann "+e)
	}
	broken := func(yield func(loadgen.Reaction, error) bool) {
		yield(loadgen.Reaction{}, errors.New("line 1: broken"))
	}
	for want, reactions := range map[string]iter.Seq2[loadgen.Reaction, error]{
		"there are no reactions in it":    recorded(),
		"line 1: broken":                  broken,
		"reaction 2: ":                    recorded("ann 🔥", "ann xyz"),
		"holds a control character":       recorded("a\x01b 🔥"),
		"it has 51 kinds of emojis: 50 a": recorded(many...),
	} {
		if _, err := loadgen.NewRecording(reactions); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// What a schedule says of moments agrees with when it says that reactions are due.
func TestScheduleOfARecording(t *testing.T) {
	r, err := loadgen.NewRecording(recorded("a 🔥 3 1000", "a 🔥 1 1250", "a 🔥 2 4000"))
	if err != nil {
		t.Fatal(err)
	}
	s := loadgen.RecordedSchedule(r)
	if s.Length() != 3001*time.Millisecond || s.Total() != 6 {
		t.Errorf("it lasts %v and has %d", s.Length(), s.Total())
	}
	for at, want := range map[time.Duration]int64{0: 0, 1: 3, 250 * time.Millisecond: 3, 251 * time.Millisecond: 4, 3 * time.Second: 4, time.Hour: 6} {
		if got := s.By(at); got != want {
			t.Errorf("%d are due before %v, want %d", got, at, want)
		}
	}
	if got := s.MeanRate(0, 2*time.Second); got != 2 {
		t.Errorf("the mean rate is %v, want 2", got)
	}
}

// A recording is sent once as it was recorded, or over and over at a rate, in batches, too,
// and its books balance.
func TestRunReplays(t *testing.T) {
	t.Parallel()
	r, err := loadgen.NewRecording(recorded("ann 🔥 20 1000", "bob 🎉 30 1400", "ann ❤️ 5 1900"))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		cfg  loadgen.Config
		sent int64
	}{
		"as recorded": {loadgen.Config{AsRecorded: true}, 55},
		"at a rate":   {loadgen.Config{Rate: 200, Duration: time.Second}, 200},
		"in batches":  {loadgen.Config{Rate: 200, Duration: time.Second, Batch: 8}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startFaulty(t, faults{})
			cfg := tt.cfg
			cfg.Server, cfg.Replay, cfg.Connections, cfg.Listeners = s.url, r, 4, 2
			cfg.Timeout, cfg.Drain, cfg.BalanceTimeout = longTimeout, longTimeout, longTimeout
			got, err := loadgen.Run(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := balanceOf(t, got), (balance{Sent: tt.sent, Accepted: tt.sent, Counted: tt.sent}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			o := got.Options
			if o.Users != 2 || o.Kinds != 3 || o.Requests == nil || o.Requests.AsRecorded != tt.cfg.AsRecorded || !strings.HasPrefix(o.Requests.Replay, "55 reactions, ") {
				t.Errorf("options %+v, %+v", o, o.Requests)
			}
		})
	}
}

// Lines of data stand in turn where {{line}} does, or are the bodies.
func TestLinesOfData(t *testing.T) {
	lines := []string{`{"a":1}`, `b & "c"`}
	for name, tt := range map[string]struct {
		publish loadgen.Publish
		headers []string
		lines   []string
		want    []string // what requests 0 and 3 hold, or the error
	}{
		"bodies":              {loadgen.Publish{}, nil, lines, []string{"\r\n\r\n" + lines[0], "\r\n\r\n" + lines[1]}},
		"in a body":           {loadgen.Publish{Body: "{{seq}}:{{line}}"}, nil, lines, []string{"\r\n\r\n0:" + lines[0], "\r\n\r\n3:" + lines[1]}},
		"in a header":         {loadgen.Publish{Body: "x"}, []string{"X: {{line}}"}, lines, []string{"X: " + lines[0], "X: " + lines[1]}},
		"in a URL":            {loadgen.Publish{PostURL: "http://127.0.0.1:1/?{{line}}", Body: "x"}, nil, lines, []string{"POST /?%7B%22a%22%3A1%7D ", "POST /?b%20%26%20%22c%22 "}},
		"nowhere":             {loadgen.Publish{Body: "x"}, nil, lines, []string{"the lines of data stand nowhere"}},
		"none":                {loadgen.Publish{Body: "{{line}}"}, nil, nil, []string{"there are no lines of data for {{line}}"}},
		"no line of a header": {loadgen.Publish{Body: "x"}, []string{"X: {{line}}"}, []string{"a", "b\x00"}, []string{"line 2 of the data: it holds a control character"}},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.publish.PostURL == "" {
				tt.publish.PostURL = "http://127.0.0.1:1"
			}
			for i, n := range []int64{0, 3}[:len(tt.want)] {
				got, err := loadgen.RequestBytes(t.Context(), loadgen.Config{Publish: &tt.publish, Headers: tt.headers, Lines: tt.lines}, n, time.Now())
				if err != nil {
					got = err.Error()
				}
				if !strings.Contains(got, tt.want[i]) || len(tt.want) == 1 && err == nil {
					t.Errorf("got %q, want %q in it", got, tt.want[i])
				}
			}
		})
	}
}

// What was recorded over years is not sent with the time between that there was.
func TestARecordingOfYears(t *testing.T) {
	year := (365 * 24 * time.Hour).Milliseconds()
	for apart, refused := range map[int64]bool{time.Hour.Milliseconds(): false, year: true, 7900 * year: true} {
		r, err := loadgen.NewRecording(func(yield func(loadgen.Reaction, error) bool) {
			_ = yield(loadgen.Reaction{User: "a", Emoji: "🔥", Count: 1, At: 0}, nil) && yield(loadgen.Reaction{User: "a", Emoji: "🔥", Count: 1, At: apart}, nil)
		})
		if err != nil {
			t.Fatal(err)
		}
		err = loadgen.Config{Server: "http://127.0.0.1:1", Replay: r, AsRecorded: true}.Check()
		if refused != (err != nil && strings.Contains(err.Error(), "recorded over more than 1000h")) {
			t.Errorf("%d ms: %v", apart, err)
		}
	}
}
