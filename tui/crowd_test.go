package tui_test

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
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

// After each sequence of events the screen shows the expected text, and not the
// unexpected text.
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
		return func(r *crowdSession) { r.setConnection(sse.Reconnecting, "sub1", 2*time.Second, err) }
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
			r.send(tui.StreamEvents{Swarms: []wire.Swarm{swarm(2, emojiCount("🔥", 4000))}})
		}), []string{"4,000 reactions +512"}, nil},
		"an older window": {steps(live, fires, func(r *crowdSession) {
			r.send(tui.StreamEvents{Swarms: []wire.Swarm{swarm(1, emojiCount("🔥", 9000))}})
		}), []string{"Window until 12:00:04", "3,488 reactions -5,512"}, nil},
		"quiet": {steps(live, fires, func(r *crowdSession) { r.windows(3, 3) }), []string{"quiet"}, []string{"3,488 reactions"}},
		"a window of tomorrow": {steps(live, fires, func(r *crowdSession) {
			r.send(tui.StatusAnswer{Status: client.Status{Clock: client.ClockReading{Asked: r.now, Answered: r.now, Server: r.now}}})
		}, func(r *crowdSession) {
			r.send(tui.StreamEvents{Swarms: []wire.Swarm{swarm(50_000, emojiCount("🔥", 1))}})
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
			r.send(tui.StreamEvents{Swarms: []wire.Swarm{swarm(3, emojiCount("🔥", 1)), swarm(4, emojiCount("🔥", 2))}})
		}), []string{"live sub2", "resumed at sub2, 2 windows replayed"}, nil},
		"back, with one": {steps(live, fires, lost(io.EOF), pass(2*time.Second), func(r *crowdSession) {
			r.live("sub1")
			r.send(tui.StreamEvents{Swarms: []wire.Swarm{swarm(3, emojiCount("🔥", 1))}})
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

// The Crowd connects anew after the machine slept, when the user presses c, and when a
// server that could not be reached answers again. It does not while a server asked it
// to wait.
func TestCrowdReconnects(t *testing.T) {
	for name, test := range map[string]struct {
		do   func(*crowdSession)
		want int
	}{
		"live":          {func(r *crowdSession) { r.live("sub1"); r.pass(30 * time.Second) }, 0},
		"c":             {func(r *crowdSession) { r.live("sub1"); r.press("c") }, 1},
		"after a sleep": {func(r *crowdSession) { r.live("sub1"); r.skip(time.Minute); r.pass(50 * time.Millisecond) }, 1},
		"the server is back": {func(r *crowdSession) {
			r.setConnection(sse.Reconnecting, "", 30*time.Second, errDial)
			r.pass(100 * time.Millisecond)
		}, 1},
		"the server said so": {func(r *crowdSession) {
			r.setConnection(sse.Reconnecting, "", 30*time.Second, &sse.RefusedError{Status: 503, RetryAfter: 30 * time.Second})
			r.pass(20 * time.Second)
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			withCrowd(t, tui.CrowdConfig{}, 80, 24, func(r *crowdSession) {
				if test.do(r); r.reconnects != test.want {
					t.Errorf("reconnected %d times, want %d", r.reconnects, test.want)
				}
			})
		})
	}
}

// The instruments show the right latencies and counts.
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
		r.setConnection(sse.Reconnecting, "sub1", time.Second, io.EOF)
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
		r.windows(10, 10) // an empty window, which is sent later than others
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
					r.send(tea.MouseClickMsg{X: ansi.StringWidth(before), Y: y, Button: tea.MouseLeft})
					r.send(tea.MouseClickMsg{X: ansi.StringWidth(before), Y: y - 1, Button: tea.MouseLeft})
					r.send(tea.MouseClickMsg{X: ansi.StringWidth(before), Y: y, Button: tea.MouseRight})
				}
			}
			if diff := cmp.Diff([]string{"🎉1"}, r.requests()); diff != "" {
				t.Errorf("%v: sent (-want +got):\n%s", size, diff)
			}
		})
	}
}

// Later messages do not change an older model.
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

// The memory of a Crowd is bounded: a frame after many windows makes about as many
// allocations as a frame after few.
func TestCrowdMemoryIsBounded(t *testing.T) {
	withCrowd(t, tui.CrowdConfig{}, 120, 40, func(r *crowdSession) {
		r.live("sub1")
		var counts []wire.EmojiCount
		for i, e := range emoji.Favourites() {
			counts = append(counts, emojiCount(e, int64(1000*(i+1))))
		}
		frame := func() float64 { return testing.AllocsPerRun(5, func() { r.crowd.Update(tui.Tick{At: r.now}) }) }
		windows := func(n, m int) {
			for ; n <= m; n++ {
				r.skip(2 * time.Second)
				r.send(tui.StreamEvents{Swarms: []wire.Swarm{swarm(n, counts...)}}, tui.Tick{At: r.now})
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
	var counts []wire.EmojiCount
	for i, e := range emoji.Favourites() {
		counts = append(counts, emojiCount(e, int64(4000/(i+1))))
	}
	for i := 0; b.Loop(); i++ {
		if i%60 == 0 {
			m, _ = m.Update(tui.StreamEvents{Swarms: []wire.Swarm{swarm(i/60+1, counts...)}})
		}
		now = now.Add(time.Second / 30)
		m, _ = m.Update(tui.Tick{At: now})
		if v := m.View(); v.Content == "" {
			b.Fatal("nothing is drawn")
		}
	}
}
