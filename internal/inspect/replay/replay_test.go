package replay_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/inspect/replay"
	"github.com/emostream/emostream/internal/inspect/topicreader"
	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/internal/wire"
)

// server is a Sender that answers as answer says, and records what it was sent and
// when.
type server struct {
	// answer returns the answer to request n. If it is nil, everything is accepted.
	answer func(n int, sent []client.Reaction) ([]client.Result, error)
	takes  time.Duration

	mu    sync.Mutex
	start time.Time
	log   []string // "SECONDS: EMOJI*COUNT ..."
}

func newServer() *server { return &server{start: time.Now()} }

func (s *server) Send(ctx context.Context, sent []client.Reaction) ([]client.Result, error) {
	s.mu.Lock()
	var said []string
	for _, r := range sent {
		said = append(said, fmt.Sprintf("%s*%d", r.Emoji, r.Count))
	}
	n := len(s.log)
	s.log = append(s.log, fmt.Sprintf("%.2f: %s", time.Since(s.start).Seconds(), strings.Join(said, " ")))
	s.mu.Unlock()
	if err := sleep.For(ctx, s.takes); err != nil { // an interrupted replay waits for its answers, so ctx must not end
		return nil, err
	}
	if s.answer != nil {
		return s.answer(n, sent)
	}
	return make([]client.Result, len(sent)), nil
}

func (s *server) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.log, "; ")
}

// recorded returns a recording of words like "EMOJI@MILLISECONDS" or "bad".
func recorded(text string) replay.Recording {
	return func(yield func(replay.Reaction, error) bool) {
		for word := range strings.FieldsSeq(text) {
			e, at, _ := strings.Cut(word, "@")
			r := replay.Reaction{Count: 1, Reaction: wire.Reaction{UserID: "ann", Emoji: e}}
			_, _ = fmt.Sscan(at, &r.At)
			if !yield(r, nil) {
				return
			}
		}
	}
}

// Reactions that are due together are sent together. Equal ones are sent once, with a
// count. The distances between them are those of the recording.
func TestPaceOfARun(t *testing.T) {
	for name, test := range map[string]struct {
		speed     float64
		recording string
		want      string
	}{
		"as recorded":      {1, "a@0 b@1000 c@1500", "0.00: a*1; 1.00: b*1; 1.50: c*1"},
		"ten times":        {10, "a@0 b@1000 c@1500", "0.00: a*1; 0.10: b*1; 0.15: c*1"},
		"half":             {0.5, "a@0 b@1000", "0.00: a*1; 2.00: b*1"},
		"at once":          {0, "a@0 b@1000 a@3600000", "0.00: a*2 b*1"},
		"the same, tick":   {100, "a@0 a@100 b@200 a@900 b@1000", "0.00: a*1; 0.01: a*2 b*2"},
		"out of order":     {1, "a@1000 b@500 c@1200", "0.00: a*1 b*1; 0.20: c*1"},
		"nothing":          {1, "", ""},
		"times of any age": {1, "a@1700000000000 b@1700000001000", "0.00: a*1; 1.00: b*1"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer()
				r, err := replay.Run(t.Context(), replay.Config{Server: s, Speed: test.speed, Connections: 1}, recorded(test.recording))
				if got := s.said(); err != nil || got != test.want {
					t.Errorf("sent %s, want %s (%v)", got, test.want, err)
				}
				if n := int64(len(strings.Fields(test.recording))); r.Read != n || r.Accepted != n || !r.Whole() || r.LateMS != 0 {
					t.Errorf("report %+v, want %d accepted", r, n)
				}
			})
		})
	}
}

// Reactions that become due while all connections wait for a slow server are sent
// together as soon as one is free. The report says how late they were. Later reactions
// are sent in time.
func TestSlowServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		s.takes = 3 * time.Second
		r, err := replay.Run(t.Context(), replay.Config{Server: s, Speed: 1, Connections: 1}, recorded("a@0 b@1000 b@2000 b@2500 c@9000"))
		if want := "0.00: a*1; 3.00: b*1; 6.00: b*2; 9.00: c*1"; err != nil || s.said() != want {
			t.Errorf("sent %s, want %s (%v)", s.said(), want, err)
		}
		if r.Accepted != 5 || r.LateMS != 4000 || r.TookMS != 12000 {
			t.Errorf("report %+v, want 5 accepted, the latest 4 s late, in 12 s", r)
		}
	})
}

// Only reactions that are certainly not written are sent again. All other outcomes are
// reported.
func TestOutcomes(t *testing.T) {
	refusal := func(status int, code string) error {
		return &client.RefusalError{Status: status, Code: code, Message: "it said " + code}
	}
	unreached := &net.OpError{Op: "dial", Err: errors.New("refused")}
	outcome := func(code string) client.Result { return client.Result{Code: code, Message: "it said " + code} }
	for name, test := range map[string]struct {
		answers []any // answer to each request, an error or outcomes; later ones are accepted
		want    string
		sent    string
	}{
		"accepted": {nil, "3 accepted", "0.00: a*1 b*1 c*1"},
		"one of each": {
			[]any{[]client.Result{outcome("not_an_emoji"), outcome("in_doubt"), outcome("")}},
			"1 accepted, 1 in doubt, 1 not_an_emoji: it said not_an_emoji", "0.00: a*1 b*1 c*1",
		},
		"not written, then written": {
			[]any{[]client.Result{outcome(""), outcome("not_written"), outcome("")}},
			"3 accepted, 1 resent", "0.00: a*1 b*1 c*1; 1.00: b*1",
		},
		"all not written, then written": {[]any{refusal(503, "not_written")}, "3 accepted, 3 resent", "0.00: a*1 b*1 c*1; 1.00: a*1 b*1 c*1"},
		"too many requests":             {[]any{refusal(429, "rate_limited")}, "3 accepted, 3 resent", "0.00: a*1 b*1 c*1; 1.00: a*1 b*1 c*1"},
		"nobody there at first":         {[]any{unreached, unreached}, "3 accepted, 6 resent", "0.00: a*1 b*1 c*1; 1.00: a*1 b*1 c*1; 2.00: a*1 b*1 c*1"},
		"all in doubt":                  {[]any{refusal(503, "in_doubt")}, "3 in doubt: it said in_doubt", "0.00: a*1 b*1 c*1"},
		"the connection broke":          {[]any{errors.New("eof")}, "3 in doubt: eof", "0.00: a*1 b*1 c*1"},
		"a proxy failed":                {[]any{refusal(502, "")}, "3 in doubt: it said ", "0.00: a*1 b*1 c*1"},
		"another server":                {[]any{refusal(404, "")}, "3 http_404, ended: it said ", "0.00: a*1 b*1 c*1"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer()
				s.answer = func(n int, sent []client.Reaction) ([]client.Result, error) {
					if n >= len(test.answers) {
						return make([]client.Result, len(sent)), nil
					}
					if err, ok := test.answers[n].(error); ok {
						return nil, err
					}
					return test.answers[n].([]client.Result), nil
				}
				r, err := replay.Run(t.Context(), replay.Config{Server: s}, recorded("a@0 b@0 c@0"))
				if got := told(r, err); got != test.want || s.said() != test.sent {
					t.Errorf("got  %s (%s)\nwant %s (%s)", got, s.said(), test.want, test.sent)
				}
				if sum := r.Accepted + r.InDoubt + r.Unsent + r.RefusedAll(); sum != r.Read || r.Read != 3 {
					t.Errorf("%d read, and %d told of", r.Read, sum)
				}
			})
		})
	}
}

// told returns a report in words.
func told(r replay.Report, err error) string {
	var parts []string
	add := func(n int64, what string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, what))
		}
	}
	add(r.Accepted, "accepted")
	add(r.InDoubt, "in doubt")
	var codes []string
	for code := range r.Refused {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	for _, code := range codes {
		add(r.Refused[code], code)
	}
	add(r.Unsent, "unsent")
	add(r.Skipped, "skipped")
	add(r.Resent, "resent")
	switch {
	case errors.Is(err, context.Canceled):
		parts = append(parts, "interrupted")
	case err != nil && r.Reason == "":
		parts = append(parts, "ended: "+err.Error())
	case err != nil:
		parts = append(parts, "ended")
	}
	s := strings.Join(parts, ", ")
	if r.Reason != "" {
		s += ": " + r.Reason
	}
	return s
}

// If a server takes nothing for longer than RetryFor, the replay ends. Reactions that
// were not sent are reported as certainly not counted.
func TestRetryForEndsTheReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		s.answer = func(int, []client.Reaction) ([]client.Result, error) {
			return nil, &client.RefusalError{Status: 503, Code: "not_written", Message: "kafka is away", RetryAfter: 4 * time.Second}
		}
		r, err := replay.Run(t.Context(), replay.Config{Server: s, Speed: 1, Connections: 1, RetryFor: 10 * time.Second}, recorded("a@0 b@1000 c@90000"))
		if want := "2 unsent, 3 resent, ended: kafka is away"; told(r, err) != want || r.UnsentNote != "kafka is away" || err.Error() != "not taken for 10s: kafka is away" {
			t.Errorf("got %s because %q (%v), want %s", told(r, err), r.UnsentNote, err, want)
		}
		if want := "0.00: a*1; 4.00: a*1; 8.00: a*1; 12.00: a*1"; s.said() != want {
			t.Errorf("sent %s, want %s", s.said(), want)
		}
	})
}

// An interrupted replay waits for the answers under way, and its report is complete.
func TestInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := newServer()
		s.takes = 3 * time.Second
		time.AfterFunc(4*time.Second, cancel)
		r, err := replay.Run(ctx, replay.Config{Server: s, Speed: 1, Connections: 1}, recorded("a@0 b@2000 c@3500 d@9000"))
		if want := "2 accepted, 1 unsent, interrupted"; told(r, err) != want || r.TookMS != 6000 {
			t.Errorf("got %s after %d ms, want %s after 6000", told(r, err), r.TookMS, want)
		}
	})
}

// An entry that cannot be read is passed over and reported. If the recording itself
// cannot be read on, the replay ends.
func TestBadRecording(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		from := replay.Lines(strings.NewReader("{\"user_id\":\"u\",\"emoji_type\":\"a\"}\nrubbish\n{\"user_id\":\"u\",\"emoji_type\":\"b\"}"))
		r, err := replay.Run(t.Context(), replay.Config{Server: s, Speed: 1}, from)
		if want := "2 accepted, 1 skipped"; told(r, err) != want || !strings.HasPrefix(r.SkipNote, "line 2: not a reaction: ") {
			t.Errorf("got %s (%s), want %s", told(r, err), r.SkipNote, want)
		}
		broken := func(yield func(replay.Reaction, error) bool) {
			if yield(replay.Reaction{Count: 1, Reaction: wire.Reaction{Emoji: "a"}}, nil) {
				yield(replay.Reaction{}, errors.New("the disk is broken"))
			}
		}
		r, err = replay.Run(t.Context(), replay.Config{Server: s, Speed: 1}, broken)
		if want := "1 accepted, ended: the disk is broken"; told(r, err) != want {
			t.Errorf("got %s, want %s", told(r, err), want)
		}
	})
}

// A reaction that would make a server refuse the whole batch is not sent.
func TestTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		from := func(yield func(replay.Reaction, error) bool) {
			long := strings.Repeat("u", wire.MaxUserID+1)
			_ = yield(replay.Reaction{Count: 1, Reaction: wire.Reaction{UserID: long, Emoji: "a"}}, nil) &&
				yield(replay.Reaction{Count: 7, Reaction: wire.Reaction{UserID: long[1:], Emoji: "b", Timestamp: long[:wire.MaxTimestamp]}}, nil) &&
				yield(replay.Reaction{Count: 2, Reaction: wire.Reaction{Emoji: "c", Timestamp: long[:wire.MaxTimestamp+1]}}, nil)
		}
		r, err := replay.Run(t.Context(), replay.Config{Server: s}, from)
		if want := "7 accepted, 2 invalid_timestamp, 1 invalid_user_id: user_id has 129 bytes: 1 to 128 are allowed"; told(r, err) != want {
			t.Errorf("got %s, want %s", told(r, err), want)
		}
	})
}

// A request is never larger than Batch allows, and no reaction in it counts for more
// than a hundred.
func TestSizes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		from := func(yield func(replay.Reaction, error) bool) {
			for range 250 {
				if !yield(replay.Reaction{Count: 1, Reaction: wire.Reaction{UserID: "u", Emoji: "a"}}, nil) {
					return
				}
			}
		}
		r, err := replay.Run(t.Context(), replay.Config{Server: s, Connections: 1, Batch: 2}, from)
		if err != nil || r.Accepted != 250 {
			t.Errorf("%+v, %v", r, err)
		}
		for entry := range strings.SplitSeq(s.said(), "; ") {
			_, items, _ := strings.Cut(entry, ": ")
			if n := len(strings.Fields(items)); n > 2 || strings.Contains(items, "*101") {
				t.Errorf("a request of %d items: %s", n, entry)
			}
		}
	})
}

// All reactions can be sent to one channel, and a filter can choose some of them.
func TestChannels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		var channels []string
		s.answer = func(_ int, sent []client.Reaction) ([]client.Result, error) {
			for _, r := range sent {
				channels = append(channels, r.Channel)
			}
			return make([]client.Result, len(sent)), nil
		}
		from := func(yield func(replay.Reaction, error) bool) {
			for _, c := range []string{"", "room-1", "room-2"} {
				if !yield(replay.Reaction{Count: 1, Reaction: wire.Reaction{Emoji: "❤", Channel: c}}, nil) {
					return
				}
			}
		}
		wanted, err := topicreader.NewFilter([]string{"main", "room-2"}, []string{":heart:", "🔥"})
		if err != nil {
			t.Fatal(err)
		}
		for _, to := range []string{"", "other"} {
			if _, err := replay.Run(t.Context(), replay.Config{Server: s, Channel: to}, replay.Only(wanted, from)); err != nil {
				t.Error(err)
			}
		}
		if got := strings.Join(channels, ","); got != ",room-2,other" { // the last reaction stands for two
			t.Errorf("sent to %q", got)
		}
		if _, err := topicreader.NewFilter(nil, []string{"fire"}); err == nil || !strings.Contains(err.Error(), ":fire:") {
			t.Errorf("a filter of what is no emoji: %v", err)
		}
	})
}

// Progress is called every two seconds during the replay.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []int64
		_, err := replay.Run(t.Context(), replay.Config{Server: newServer(), Speed: 1, Progress: func(r replay.Report) { told = append(told, r.Accepted) }},
			recorded("a@0 b@1000 c@3000 d@7000"))
		if want := []int64{2, 3, 3}; err != nil || !slices.Equal(told, want) {
			t.Errorf("told %v, want %v (%v)", told, want, err)
		}
	})
}

// While the server does not take what is sent, Progress is told why.
func TestProgressSaysWhy(t *testing.T) {
	away := errors.New("kafka is away")
	for name, answer := range map[string]func(sent []client.Reaction) ([]client.Result, error){
		"all": func([]client.Reaction) ([]client.Result, error) {
			return nil, &client.RefusalError{Status: 503, Code: "not_written", Message: away.Error()}
		},
		"each": func(sent []client.Reaction) ([]client.Result, error) {
			return slices.Repeat([]client.Result{{Code: "not_written", Message: away.Error()}}, len(sent)), nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer()
				s.answer = func(n int, sent []client.Reaction) ([]client.Result, error) {
					if n < 3 { // the requests at 0, 1 and 2 s
						return answer(sent)
					}
					return make([]client.Result, len(sent)), nil
				}
				var told []string
				_, err := replay.Run(t.Context(), replay.Config{Server: s, Speed: 1, Connections: 1, Progress: func(r replay.Report) { told = append(told, fmt.Sprintf("%d %s", r.Accepted, r.NotTaken)) }},
					recorded("a@0 b@5000"))
				if want := []string{"0 kafka is away", "1 "}; err != nil || !slices.Equal(told[:2], want) {
					t.Errorf("told %q, want %q (%v)", told, want, err)
				}
			})
		})
	}
}
