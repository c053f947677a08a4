package tui_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/emoji"
	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/tui"
)

// noon is when every test begins.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// room is a Crowd and what stands around it: a clock, a server, and somebody who
// does what it asks for.
type crowdSession struct {
	t     testing.TB
	crowd tui.Crowd

	mu     sync.Mutex // a command that waits shares these with the test
	now    time.Time
	posted []string // emoji and count of every reaction, a line a request

	answer  func([]client.Reaction) ([]client.Result, error)
	status  client.Status
	asked   int // the main server
	renewed int
	quit    bool
}

// visit opens a view on a screen, in a bubble whose time only tells commands that
// wait for a timer from those that do not; the view's clock is the room's.
func withCrowd(t *testing.T, cfg tui.CrowdConfig, width, height int, then func(*crowdSession)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &crowdSession{t: t, now: noon}
		r.answer = r.accept
		cfg.User = "ann"
		cfg.Now = func() time.Time {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.now
		}
		cfg.Send = func(batch []client.Reaction) ([]client.Result, error) {
			line := ""
			for _, x := range batch {
				line += fmt.Sprint(x.Emoji, x.Count, " ")
			}
			r.mu.Lock()
			r.posted = append(r.posted, strings.TrimSpace(line))
			r.mu.Unlock()
			return r.answer(batch)
		}
		cfg.Status = func() (client.Status, error) { r.asked++; return r.status, nil }
		cfg.Reconnect = func() { r.renewed++ }
		r.crowd = tui.NewCrowd(cfg)
		r.tell(tea.WindowSizeMsg{Width: width, Height: height})
		defer func() { <-time.After(2 * time.Hour) }() // for commands that wait for a timer
		then(r)
	})
}

// accept is a server that counts everything.
func (r *crowdSession) accept(batch []client.Reaction) ([]client.Result, error) {
	outcomes := make([]client.Result, len(batch))
	for i := range outcomes {
		outcomes[i].AcceptedAt = r.now
	}
	return outcomes, nil
}

func (r *crowdSession) requests() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.posted
}

// hang makes the server one that answers nothing.
func (r *crowdSession) hang() {
	r.answer = func([]client.Reaction) ([]client.Result, error) {
		<-time.After(time.Hour)
		return nil, io.ErrUnexpectedEOF
	}
}

// tell hands messages over and does what the view asks for, but for its frames,
// which pass brings.
func (r *crowdSession) tell(msgs ...tea.Msg) {
	r.t.Helper()
	for _, msg := range msgs {
		m, cmd := r.crowd.Update(msg)
		r.crowd = m.(tui.Crowd)
		r.do(cmd)
	}
}

func (r *crowdSession) do(cmd tea.Cmd) {
	r.t.Helper()
	if cmd == nil {
		return
	}
	told := make(chan tea.Msg, 1)
	go func() { told <- cmd() }()
	select {
	case msg := <-told:
		switch msg := msg.(type) {
		case nil:
		case tea.BatchMsg:
			for _, c := range msg {
				r.do(c)
			}
		case tea.QuitMsg:
			r.quit = true
		default:
			r.tell(msg)
		}
	case <-time.After(time.Millisecond): // it waits for a timer
	}
}

// pass lets time pass, with a frame every 50 ms.
func (r *crowdSession) pass(d time.Duration) {
	r.t.Helper()
	for ; d > 0; d -= 50 * time.Millisecond {
		r.skip(50 * time.Millisecond)
		r.tell(tui.Tick{At: r.now})
	}
}

// skip lets time pass without a frame.
func (r *crowdSession) skip(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

// press presses keys: each a character, or a name like enter.
func (r *crowdSession) press(keys ...string) {
	r.t.Helper()
	names := map[string]rune{"enter": tea.KeyEnter, "esc": tea.KeyEscape, "tab": tea.KeyTab, "up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft, "right": tea.KeyRight, "backspace": tea.KeyBackspace}
	for _, k := range keys {
		if code, ok := names[k]; ok {
			r.tell(tea.KeyPressMsg{Code: code})
		} else if rest, ok := strings.CutPrefix(k, "ctrl+"); ok {
			r.tell(tea.KeyPressMsg{Code: []rune(rest)[0], Mod: tea.ModCtrl})
		} else {
			r.tell(tea.KeyPressMsg{Code: []rune(k)[0], Text: k})
		}
	}
}

// view is the screen as text.
func (r *crowdSession) view() string { return ansi.Strip(r.crowd.View().Content) }

// link tells of a change of the connection.
func (r *crowdSession) link(phase sse.Phase, server string, wait time.Duration, err error) {
	r.t.Helper()
	r.tell(tui.StreamEvents{Changes: []tui.ConnectionChange{{At: r.now, State: sse.State{Phase: phase, URL: "http://" + server + ":5001/v1/swarm", Wait: wait, Err: err}, Server: server}}})
}

func (r *crowdSession) live(server string) { r.t.Helper(); r.link(sse.Live, server, 0, nil) }

// windows lets the windows n to m come, each when it ends.
func (r *crowdSession) windows(n, m int, tallies ...wire.EmojiCount) {
	r.t.Helper()
	for ; n <= m; n++ {
		s := swarm(n, tallies...)
		r.pass(time.UnixMilli(s.Window.End).Add(100 * time.Millisecond).Sub(r.now))
		r.tell(tui.StreamEvents{Swarms: []wire.Swarm{s}})
	}
	r.pass(50 * time.Millisecond)
}

// swarm is the n-th window of two seconds after noon.
func swarm(n int, tallies ...wire.EmojiCount) wire.Swarm {
	end := noon.Add(time.Duration(n) * 2 * time.Second).UnixMilli()
	return wire.NewSwarm("main", wire.Window{Start: end - 2000, End: end}, append([]wire.EmojiCount(nil), tallies...), 50)
}

func emojiCount(emoji string, n int64) wire.EmojiCount {
	return wire.EmojiCount{Emoji: emoji, Count: n, Scaled: max(1, float64(n)/10)}
}

var errDial = fmt.Errorf("reach the server: %w", &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5000}, Err: errors.New("connection refused")})

// What happened, and what the screen says of it.
func TestCrowd(t *testing.T) {
	refusing := func(err error) func(r *crowdSession) {
		return func(r *crowdSession) {
			r.answer = func([]client.Reaction) ([]client.Result, error) { return nil, err }
		}
	}
	steps := func(all ...func(*crowdSession)) func(*crowdSession) {
		return func(r *crowdSession) {
			for _, s := range all {
				s(r)
			}
		}
	}
	live := func(r *crowdSession) { r.live("sub1") }
	fires := func(r *crowdSession) { r.windows(1, 2, emojiCount("🔥", 3481), emojiCount("😂", 7)) }
	press := func(keys ...string) func(*crowdSession) { return func(r *crowdSession) { r.press(keys...) } }
	pass := func(d time.Duration) func(*crowdSession) { return func(r *crowdSession) { r.pass(d) } }
	lost := func(err error) func(*crowdSession) {
		return func(r *crowdSession) { r.link(sse.Reconnecting, "sub1", 2*time.Second, err) }
	}
	for name, test := range map[string]struct {
		do    func(*crowdSession)
		shows []string
		hides []string
	}{
		"the beginning":      {pass(0), []string{"○ connecting", "no window yet: not connected", "press 1-9 to be part of it"}, []string{"live", "counted"}},
		"live, without news": {live, []string{"● live sub1", "sub1:5001", "no window yet"}, []string{"not connected"}},
		"a window":           {steps(live, fires), []string{"Window until 12:00:04", "3,488 reactions =", "🔥", "3,481", "peak 3,488"}, nil},
		"one reaction":       {steps(live, func(r *crowdSession) { r.windows(1, 1, emojiCount("🎉", 1)) }), []string{"1 reaction "}, []string{"reactions"}},
		"a rise and a fall":  {steps(live, fires, func(r *crowdSession) { r.windows(3, 3, emojiCount("🔥", 3000), emojiCount("😂", 19)) }), []string{"3,019 reactions -469", "-481", "+12"}, nil},
		"a window that grew": {steps(live, fires, func(r *crowdSession) {
			r.tell(tui.StreamEvents{Swarms: []wire.Swarm{swarm(2, emojiCount("🔥", 4000))}})
		}), []string{"4,000 reactions +512"}, nil},
		"an older window": {steps(live, fires, func(r *crowdSession) {
			r.tell(tui.StreamEvents{Swarms: []wire.Swarm{swarm(1, emojiCount("🔥", 9000))}})
		}), []string{"Window until 12:00:04", "3,488 reactions -5,512"}, nil},
		"quiet": {steps(live, fires, func(r *crowdSession) { r.windows(3, 3) }), []string{"quiet"}, []string{"3,488 reactions"}},
		"a window of tomorrow": {steps(live, fires, func(r *crowdSession) {
			r.tell(tui.StatusAnswer{Status: client.Status{Clock: client.ClockReading{Asked: r.now, Answered: r.now, Server: r.now}}})
		}, func(r *crowdSession) {
			r.tell(tui.StreamEvents{Swarms: []wire.Swarm{swarm(50_000, emojiCount("🔥", 1))}})
		}), []string{"Window until 12:00:04"}, nil},
		"the countdown": {steps(live, fires, pass(850*time.Millisecond)), []string{"window ends in 1.0 s"}, nil},

		"broken":           {steps(live, lost(io.ErrUnexpectedEOF)), []string{"○ reconnecting in 2 s", "the connection broke"}, []string{"live"}},
		"a second later":   {steps(live, lost(io.ErrUnexpectedEOF), pass(1100*time.Millisecond)), []string{"reconnecting in 1 s"}, nil},
		"time to connect":  {steps(live, lost(io.ErrUnexpectedEOF), pass(3*time.Second)), []string{"reconnecting now"}, nil},
		"nobody there":     {steps(live, lost(errDial)), []string{"nobody answers at 127.0.0.1:5000: is it running?"}, nil},
		"silent":           {steps(live, lost(sse.ErrStalled)), []string{"the server is silent"}, nil},
		"ended":            {steps(live, lost(fmt.Errorf("the server ended the stream: %w", io.EOF))), []string{"the server ended the stream"}, []string{"EOF"}},
		"refused":          {lost(&sse.RefusedError{Status: 503, Code: "full", Message: "all are full"}), []string{"✗ refused, again in 2 s", "all are full"}, nil},
		"refused silently": {lost(&sse.RefusedError{Status: 502}), []string{"the server answered 502 Bad Gateway"}, nil},
		"a draining server": {steps(live, func(r *crowdSession) {
			r.status.Servers = []client.ServerStatus{{ServerStatus: wire.ServerStatus{Name: "sub1", State: wire.StateDraining}}}
		}, lost(io.EOF)), []string{"server draining, reconnecting in 2 s", "sub1 is draining"}, nil},
		"another one drains": {steps(live, func(r *crowdSession) {
			r.status.Servers = []client.ServerStatus{{ServerStatus: wire.ServerStatus{Name: "sub2", State: wire.StateDraining}}}
		}, lost(io.EOF)), []string{"○ reconnecting in 2 s"}, []string{"draining"}},
		"back, with windows": {steps(live, fires, lost(io.EOF), pass(4*time.Second), func(r *crowdSession) {
			r.live("sub2")
			r.tell(tui.StreamEvents{Swarms: []wire.Swarm{swarm(3, emojiCount("🔥", 1)), swarm(4, emojiCount("🔥", 2))}})
		}), []string{"live sub2", "resumed at sub2, 2 windows replayed"}, nil},
		"back, with one": {steps(live, fires, lost(io.EOF), pass(2*time.Second), func(r *crowdSession) {
			r.live("sub1")
			r.tell(tui.StreamEvents{Swarms: []wire.Swarm{swarm(3, emojiCount("🔥", 1))}})
		}), []string{"1 window replayed"}, nil},
		"back in time":            {steps(live, fires, lost(io.EOF), func(r *crowdSession) { r.live("sub1") }), []string{"resumed at sub1, nothing was missed"}, nil},
		"back for a while":        {steps(live, fires, lost(io.EOF), func(r *crowdSession) { r.live("sub1") }, pass(7*time.Second)), nil, []string{"resumed"}},
		"asleep":                  {steps(live, func(r *crowdSession) { r.skip(time.Hour) }, pass(50*time.Millisecond)), []string{"this machine slept for 1h0m0s: connecting anew"}, nil},
		"a tap":                   {steps(live, press("1")), []string{"1 counted"}, []string{"pending"}},
		"a share":                 {steps(live, press("1", "1"), fires), []string{"2 of the 3,481 🔥 were yours", "2 counted"}, []string{"press 1-9"}},
		"a share of one":          {steps(live, press("2"), fires), []string{"1 of the 7 😂 was yours"}, nil},
		"a share of what is gone": {steps(live, press("3"), fires), []string{"press 1-9"}, []string{"yours"}},
		"not connected to tap":    {steps(refusing(errDial), press("1")), []string{"1 pending", "not taken yet: nobody answers"}, []string{"counted"}},
		"taken at last":           {steps(refusing(errDial), press("1"), func(r *crowdSession) { r.answer = r.accept }, pass(2*time.Second)), []string{"1 counted"}, []string{"pending", "not taken yet"}},
		"refused, then counted":   {steps(refusing(&client.RefusalError{Status: 422, Message: "too many channels"}), press("1"), func(r *crowdSession) { r.answer = r.accept }, pass(200*time.Millisecond), press("2")), []string{"1 counted", "1 refused", "refused: too many channels"}, nil},
		"given up":                {steps(refusing(errDial), press("1"), pass(17*time.Second)), []string{"1 not sent"}, []string{"pending"}},
		"refused by the server":   {steps(refusing(&client.RefusalError{Status: 422, Code: "too_many_channels", Message: "too many channels"}), press("1")), []string{"1 refused", "refused: too many channels"}, nil},
		"in doubt":                {steps(refusing(&client.RefusalError{Status: 503, Code: "in_doubt", Message: "kafka's answer is missing"}), press("1"), pass(20*time.Second)), []string{"1 in doubt"}, []string{"pending"}},
		"instruments":             {steps(live, press("1"), fires, press("i")), []string{"Instruments", "ack", "end → seen", "gaps", "none", "last error"}, nil},
		"an error in words":       {steps(refusing(&client.RefusalError{Status: 422, Message: "no\x1b[31m"}), press("1", "i")), []string{"last error: refused: no"}, nil},
		"help":                    {press("?"), []string{"Keys", "1-9", "tap; hold for a burst", "suspend", "quit (esc, ctrl+c)"}, nil},
		"help goes":               {press("?", "x"), nil, []string{"Keys"}},
	} {
		t.Run(name, func(t *testing.T) {
			withCrowd(t, tui.CrowdConfig{}, 120, 40, func(r *crowdSession) {
				test.do(r)
				view := r.view()
				for _, want := range test.shows {
					if !strings.Contains(view, want) {
						t.Errorf("the view does not show %q", want)
					}
				}
				for _, bad := range test.hides {
					if strings.Contains(view, bad) {
						t.Errorf("the view shows %q", bad)
					}
				}
				if t.Failed() {
					t.Log("\n" + view)
				}
			})
		})
	}
}

// Why taps are not taken is said in the room that there is on the least screen with
// frames: the cause, and not what the view says already.
func TestCrowdSaysTheCause(t *testing.T) {
	for name, test := range map[string]struct {
		code, message, want string
	}{
		"not written": {"not_written", "the reaction was not written, because kafka did not take it: send it again after a second", "not taken yet: kafka did not take it  "},
		"in doubt":    {"in_doubt", "the reaction may or may not have been written, because kafka's answer is missing: sent again, it may count twice", "in doubt, counted or not: kafka's answer is missing  "},
		"no cause":    {"overloaded", "too much at once: try again", "not taken yet: too much at once: try again  "},
	} {
		for of, answer := range map[string]func([]client.Reaction) ([]client.Result, error){
			"all": func([]client.Reaction) ([]client.Result, error) {
				return nil, &client.RefusalError{Status: 503, Code: test.code, Message: test.message}
			},
			"each": func([]client.Reaction) ([]client.Result, error) {
				return []client.Result{{Code: test.code, Message: test.message}}, nil
			},
		} {
			t.Run(name+" of "+of, func(t *testing.T) {
				withCrowd(t, tui.CrowdConfig{}, 80, 24, func(r *crowdSession) {
					r.answer = answer
					r.press("1")
					if !strings.Contains(r.view(), test.want) {
						t.Errorf("the view does not show %q:\n%s", test.want, r.view())
					}
				})
			})
		}
	}
}

// What is pressed, and what is sent because of it.
func TestCrowdSends(t *testing.T) {
	for name, test := range map[string]struct {
		palette []string
		keys    string // separated by spaces; "." is a pause of 100 ms, "_" one of 3 s
		want    []string
	}{
		"a key":                    {nil, "1", []string{"🔥1"}},
		"a key that is held":       {nil, "1 1 1 1 . .", []string{"🔥1", "🔥3"}},
		"several keys":             {nil, "1 2 2 1 9 . .", []string{"🔥1", "😂2 🔥1 💖1"}},
		"a pause":                  {nil, "1 . . 1 . .", []string{"🔥1", "🔥1"}},
		"another palette":          {[]string{"🚀"}, "1 2 . .", []string{"🚀1"}},
		"repeat":                   {nil, "r . . 4 . . r . .", []string{"🔥1", "🎉1", "🎉1"}},
		"other keys":               {nil, "x 0 enter up", nil},
		"find":                     {nil, "/ r o c k e t enter . . r", []string{"🚀1", "🚀1"}},
		"find the second":          {nil, "/ s m i l e down enter", []string{"😃1"}},
		"find nothing":             {nil, "/ q q q q enter esc", nil},
		"find, corrected":          {nil, "/ f i r r backspace e enter", []string{"🔥1"}},
		"find, left":               {nil, "/ f i r e esc", nil},
		"digits in the finder":     {nil, "/ 1 0 0 enter", []string{"💯1"}},
		"a burst":                  {nil, "b 4 tab 1 0 enter . . . . _", []string{"🔥1", "🔥1", "🔥1", "🔥1"}},
		"a fast burst":             {nil, "b 2 5 0 tab 9 9 9 enter _", []string{"🔥50", "🔥100", "🔥100"}},
		"a burst of another":       {nil, "b 1 right enter .", []string{"😂1"}},
		"a burst of the one found": {nil, "/ r o c k e t enter . b 1 enter . .", []string{"🚀1", "🚀1"}},
		"a burst that is too long": {nil, "b 1 0 0 0 1 enter _", nil},
		"a burst of nothing":       {nil, "b 0 enter _ esc", nil},
		"a burst, left":            {nil, "b esc _", nil},
		"a burst, stopped":         {nil, "b 9 9 9 tab 1 0 enter . . b . . _", []string{"🔥1", "🔥1", "🔥1"}},
	} {
		t.Run(name, func(t *testing.T) {
			withCrowd(t, tui.CrowdConfig{Palette: test.palette}, 80, 24, func(r *crowdSession) {
				for k := range strings.FieldsSeq(test.keys) {
					switch k {
					case ".":
						r.pass(100 * time.Millisecond)
					case "_":
						r.pass(3 * time.Second)
					default:
						r.press(k)
					}
				}
				if diff := cmp.Diff(test.want, r.requests()); diff != "" {
					t.Errorf("sent (-want +got):\n%s\n%s", diff, r.view())
				}
			})
		})
	}
}

// Taps that the server did not write are sent again, and only those.
func TestCrowdSendsAgain(t *testing.T) {
	for name, test := range map[string]struct {
		first []client.Result
		err   error
		want  []string
		after string
	}{
		"not written":          {nil, &client.RefusalError{Status: 503, Code: "not_written", RetryAfter: time.Second}, []string{"🔥1", "🔥1"}, "1 counted"},
		"unreached":            {nil, errDial, []string{"🔥1", "🔥1"}, "1 counted"},
		"too many requests":    {nil, &client.RefusalError{Status: 429, RetryAfter: 2 * time.Second}, []string{"🔥1", "🔥1"}, "1 counted"},
		"not written, of each": {[]client.Result{{Code: "not_written", Message: "no"}}, nil, []string{"🔥1", "🔥1"}, "1 counted"},
		"in doubt":             {nil, &client.RefusalError{Status: 503, Code: "in_doubt"}, []string{"🔥1"}, "1 in doubt"},
		"broken off":           {nil, io.ErrUnexpectedEOF, []string{"🔥1"}, "1 in doubt"},
		"a proxy's error":      {nil, &client.RefusalError{Status: 502}, []string{"🔥1"}, "1 in doubt"},
		"refused":              {nil, &client.RefusalError{Status: 422, Code: "not_an_emoji"}, []string{"🔥1"}, "1 refused"},
		"refused, of each":     {[]client.Result{{Code: "not_an_emoji", Message: "no"}}, nil, []string{"🔥1"}, "1 refused"},
	} {
		t.Run(name, func(t *testing.T) {
			withCrowd(t, tui.CrowdConfig{}, 80, 24, func(r *crowdSession) {
				r.answer = func([]client.Reaction) ([]client.Result, error) { r.answer = r.accept; return test.first, test.err }
				r.press("1")
				r.pass(5 * time.Second)
				if diff := cmp.Diff(test.want, r.requests()); diff != "" || !strings.Contains(r.view(), test.after) {
					t.Errorf("sent (-want +got):\n%s\nwant %q in\n%s", diff, test.after, r.view())
				}
			})
		})
	}
}

// While a server does not answer there is one request, taps wait, and past a bound
// they are not taken, which is said.
func TestCrowdIsBounded(t *testing.T) {
	withCrowd(t, tui.CrowdConfig{}, 80, 24, func(r *crowdSession) {
		r.hang()
		r.press("1")
		for range 10_003 {
			r.press("2")
		}
		view := r.view()
		for _, want := range []string{"10,001 pending", "3 not sent", "too many taps are waiting"} {
			if !strings.Contains(view, want) {
				t.Errorf("the view does not show %q:\n%s", want, view)
			}
		}
		if n := len(r.requests()); n != 1 {
			t.Errorf("made %d requests", n)
		}
	})
}

// Leaving waits for taps that are on their way, and not for ever.
func TestCrowdLeaves(t *testing.T) {
	for name, test := range map[string]struct {
		do   func(*crowdSession)
		quit bool
	}{
		"q":                    {func(r *crowdSession) { r.press("q") }, true},
		"esc":                  {func(r *crowdSession) { r.press("esc") }, true},
		"ctrl+c":               {func(r *crowdSession) { r.press("ctrl+c") }, true},
		"from elsewhere":       {func(r *crowdSession) { r.tell(tui.Leave{}) }, true},
		"another key":          {func(r *crowdSession) { r.press("x") }, false},
		"esc in a dialog":      {func(r *crowdSession) { r.press("b", "esc") }, false},
		"q in the finder":      {func(r *crowdSession) { r.press("/", "q") }, false},
		"ctrl+c in the finder": {func(r *crowdSession) { r.press("/", "ctrl+c") }, true},
		"q twice in a dialog":  {func(r *crowdSession) { r.press("b", "q", "q") }, true},
		"a tap is answered":    {func(r *crowdSession) { r.press("1", "q") }, true},
		"a tap is on its way":  {func(r *crowdSession) { r.hang(); r.press("1", "q") }, false},
		"q again":              {func(r *crowdSession) { r.hang(); r.press("1", "q"); r.pass(100 * time.Millisecond); r.press("q") }, true},
		"no answer for long":   {func(r *crowdSession) { r.hang(); r.press("1", "q"); r.pass(4 * time.Second) }, true},
		"a burst ends with it": {func(r *crowdSession) {
			r.press("b", "enter")
			r.pass(200 * time.Millisecond)
			r.press("q")
			r.pass(100 * time.Millisecond)
		}, true},
		"a terminal of no size":   {func(r *crowdSession) { r.tell(tea.WindowSizeMsg{Width: 1, Height: 1}); r.press("q") }, true},
		"a tap, and then another": {func(r *crowdSession) { r.hang(); r.press("1", "q", "1") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			withCrowd(t, tui.CrowdConfig{}, 80, 24, func(r *crowdSession) {
				if test.do(r); r.quit != test.quit {
					t.Errorf("left: %t, want %t", r.quit, test.quit)
				}
			})
		})
	}
}

// The connection is renewed when it cannot be trusted, when somebody wants it, and
// when a server that nobody answered at is back; not against a server's wish.
func TestCrowdRenews(t *testing.T) {
	for name, test := range map[string]struct {
		do   func(*crowdSession)
		want int
	}{
		"live":          {func(r *crowdSession) { r.live("sub1"); r.pass(30 * time.Second) }, 0},
		"c":             {func(r *crowdSession) { r.live("sub1"); r.press("c") }, 1},
		"after a sleep": {func(r *crowdSession) { r.live("sub1"); r.skip(time.Minute); r.pass(50 * time.Millisecond) }, 1},
		"the server is back": {func(r *crowdSession) {
			r.link(sse.Reconnecting, "", 30*time.Second, errDial)
			r.pass(100 * time.Millisecond)
		}, 1},
		"the server said so": {func(r *crowdSession) {
			r.link(sse.Reconnecting, "", 30*time.Second, &sse.RefusedError{Status: 503, RetryAfter: 30 * time.Second})
			r.pass(20 * time.Second)
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			withCrowd(t, tui.CrowdConfig{}, 80, 24, func(r *crowdSession) {
				if test.do(r); r.renewed != test.want {
					t.Errorf("renewed %d times, want %d", r.renewed, test.want)
				}
			})
		})
	}
}

// The instruments read what happened.
func TestCrowdInstruments(t *testing.T) {
	withCrowd(t, tui.CrowdConfig{}, 120, 40, func(r *crowdSession) {
		r.status = client.Status{
			Clock:   client.ClockReading{Asked: r.now, Answered: r.now.Add(2 * time.Millisecond), Server: r.now.Add(250 * time.Millisecond), Within: time.Millisecond},
			Servers: []client.ServerStatus{{Alive: true, ServerStatus: wire.ServerStatus{Name: "sub1", Clients: 1200}}, {Alive: true, ServerStatus: wire.ServerStatus{Name: "sub2", Clients: 34}}, {ServerStatus: wire.ServerStatus{Name: "sub3", Clients: 9}}},
		}
		r.answer = func(batch []client.Reaction) ([]client.Result, error) {
			asked := r.now
			r.skip(20 * time.Millisecond)
			out, err := r.accept(batch)
			out[0].AcceptedAt = asked.Add(260 * time.Millisecond)
			return out, err
		}
		r.live("sub1")
		r.pass(10 * time.Second)
		r.press("1")
		r.windows(6, 6, emojiCount("🔥", 5))
		r.windows(9, 9, emojiCount("🔥", 5)) // 7 and 8 are missing
		r.link(sse.Reconnecting, "sub1", time.Second, io.EOF)
		r.live("sub1")
		r.press("i")
		view := r.view()
		for _, want := range []string{"20.0 ms, p50 20.0 ms", "events                                   2", "gaps                                     2", "reconnects                               1", "+249 ± ", "1,234 on 2 servers", "last error: the server ended the stream", "tap → seen              2.17 s"} {
			if !strings.Contains(view, want) {
				t.Errorf("the instruments do not show %q:\n%s", want, view)
			}
		}
		if strings.Contains(view, "end → seen                               -") {
			t.Errorf("no delay was measured:\n%s", view)
		}
		delay := regexp.MustCompile(`end → seen[^│]*`).FindString(view)
		r.pass(3 * time.Second)
		r.windows(10, 10) // quiet, which is told later than what was counted
		if view := r.view(); !strings.Contains(view, "events                                   3") || !strings.Contains(view, delay) {
			t.Errorf("a quiet window counts as late, or did not come; want %q:\n%s", delay, view)
		}
	})
}

// A click on the palette is a tap.
func TestCrowdMouse(t *testing.T) {
	for _, size := range []tea.WindowSizeMsg{{Width: 80, Height: 24}, {Width: 120, Height: 40}, {Width: 40, Height: 12}} {
		withCrowd(t, tui.CrowdConfig{Mouse: true}, size.Width, size.Height, func(r *crowdSession) {
			if r.crowd.View().MouseMode != tea.MouseModeCellMotion {
				t.Error("the mouse is not asked for")
			}
			for y, line := range strings.Split(r.view(), "\n") {
				if before, _, ok := strings.Cut(line, "🎉"); ok {
					r.tell(tea.MouseClickMsg{X: ansi.StringWidth(before), Y: y, Button: tea.MouseLeft})
					r.tell(tea.MouseClickMsg{X: ansi.StringWidth(before), Y: y - 1, Button: tea.MouseLeft})
					r.tell(tea.MouseClickMsg{X: ansi.StringWidth(before), Y: y, Button: tea.MouseRight})
				}
			}
			if diff := cmp.Diff([]string{"🎉1"}, r.requests()); diff != "" {
				t.Errorf("%v: sent (-want +got):\n%s", size, diff)
			}
		})
	}
}

// A model that was drawn is not changed by what comes later.
func TestCrowdIsAValue(t *testing.T) {
	withCrowd(t, tui.CrowdConfig{}, 120, 40, func(r *crowdSession) {
		r.live("sub1")
		r.press("1", "i")
		r.windows(1, 3, emojiCount("🔥", 100))
		before := r.crowd
		was := before.View().Content
		r.windows(4, 9, emojiCount("🔥", 500), emojiCount("😂", 40))
		r.press("2", "b", "enter", "?", "i")
		r.pass(time.Second)
		if before.View().Content != was {
			t.Error("the model has changed")
		}
	})
}

// However long it runs, what it remembers is bounded: a later frame costs what an
// earlier one did.
func TestCrowdForgets(t *testing.T) {
	withCrowd(t, tui.CrowdConfig{}, 120, 40, func(r *crowdSession) {
		r.live("sub1")
		var tallies []wire.EmojiCount
		for i, e := range emoji.Favourites() {
			tallies = append(tallies, emojiCount(e, int64(1000*(i+1))))
		}
		frame := func() float64 { return testing.AllocsPerRun(5, func() { r.crowd.Update(tui.Tick{At: r.now}) }) }
		windows := func(n, m int) {
			for ; n <= m; n++ {
				r.skip(2 * time.Second)
				r.tell(tui.StreamEvents{Swarms: []wire.Swarm{swarm(n, tallies...)}}, tui.Tick{At: r.now})
			}
		}
		windows(1, 260)
		early := frame()
		windows(261, 520)
		if late := frame(); late > 2*early {
			t.Errorf("a frame made %v allocations after 260 windows, and %v after 520", early, late)
		}
	})
}

func BenchmarkCrowdFrame(b *testing.B) {
	now := noon
	var m tea.Model = tui.NewCrowd(tui.CrowdConfig{Now: func() time.Time { return now }})
	m, _ = m.Update(tea.WindowSizeMsg{Width: 120, Height: 40})
	var tallies []wire.EmojiCount
	for i, e := range emoji.Favourites() {
		tallies = append(tallies, emojiCount(e, int64(4000/(i+1))))
	}
	for i := 0; b.Loop(); i++ {
		if i%60 == 0 {
			m, _ = m.Update(tui.StreamEvents{Swarms: []wire.Swarm{swarm(i/60+1, tallies...)}})
		}
		now = now.Add(time.Second / 30)
		m, _ = m.Update(tui.Tick{At: now})
		if v := m.View(); v.Content == "" {
			b.Fatal("nothing is drawn")
		}
	}
}
