package tui_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/tui"
)

// noon is the time at which every test begins.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// crowdSession drives a Crowd with a fake clock and a fake server. It runs the commands
// that the Crowd returns.
type crowdSession struct {
	t     testing.TB
	crowd tui.Crowd

	mu     sync.Mutex // commands run in goroutines of their own
	now    time.Time
	posted []string // the requests: emoji and count of each reaction

	answer      func([]client.Reaction) ([]client.Result, error)
	status      client.Status
	statusCalls int
	settings    client.Settings // nothing is said if it has no palette
	reconnects  int
	quit        bool
}

// withCrowd runs a test with a Crowd on a screen. The Crowd's clock is
// crowdSession.now. The time of the synctest bubble only serves to recognise commands
// that wait for a timer.
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
		cfg.Status = func() (client.Status, error) { r.statusCalls++; return r.status, nil }
		cfg.Settings = func() (client.Settings, error) {
			if r.settings.Palette == nil {
				return r.settings, errDial
			}
			return r.settings, nil
		}
		cfg.Reconnect = func() { r.reconnects++ }
		r.crowd = tui.NewCrowd(cfg)
		r.send(tea.WindowSizeMsg{Width: width, Height: height})
		defer func() { <-time.After(2 * time.Hour) }() // lets commands that wait for a timer end
		then(r)
	})
}

// accept answers like a server that accepts everything.
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

// hang makes the server never answer.
func (r *crowdSession) hang() {
	r.answer = func([]client.Reaction) ([]client.Result, error) {
		<-time.After(time.Hour)
		return nil, io.ErrUnexpectedEOF
	}
}

// send sends messages to the Crowd and runs the commands that it returns, except those
// that wait for a timer, such as for the next frame. pass sends frames.
func (r *crowdSession) send(msgs ...tea.Msg) {
	r.t.Helper()
	for _, msg := range msgs {
		m, cmd := r.crowd.Update(msg)
		r.crowd = m.(tui.Crowd)
		r.runCommand(cmd)
	}
}

func (r *crowdSession) runCommand(cmd tea.Cmd) {
	r.t.Helper()
	if cmd == nil {
		return
	}
	message := make(chan tea.Msg, 1)
	go func() { message <- cmd() }()
	select {
	case msg := <-message:
		switch msg := msg.(type) {
		case nil:
		case tea.BatchMsg:
			for _, c := range msg {
				r.runCommand(c)
			}
		case tea.QuitMsg:
			r.quit = true
		default:
			r.send(msg)
		}
	case <-time.After(time.Millisecond): // the command waits for a timer
	}
}

// pass lets time pass, with a frame every 50 ms.
func (r *crowdSession) pass(d time.Duration) {
	r.t.Helper()
	for ; d > 0; d -= 50 * time.Millisecond {
		r.skip(50 * time.Millisecond)
		r.send(tui.Tick{At: r.now})
	}
}

// skip lets time pass without frames.
func (r *crowdSession) skip(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

// press presses keys, each given as a character or a name such as enter.
func (r *crowdSession) press(keys ...string) {
	r.t.Helper()
	names := map[string]rune{"enter": tea.KeyEnter, "esc": tea.KeyEscape, "tab": tea.KeyTab, "up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft, "right": tea.KeyRight, "backspace": tea.KeyBackspace}
	for _, k := range keys {
		if code, ok := names[k]; ok {
			r.send(tea.KeyPressMsg{Code: code})
		} else if rest, ok := strings.CutPrefix(k, "ctrl+"); ok {
			r.send(tea.KeyPressMsg{Code: []rune(rest)[0], Mod: tea.ModCtrl})
		} else {
			r.send(tea.KeyPressMsg{Code: []rune(k)[0], Text: k})
		}
	}
}

// view returns the screen without colours.
func (r *crowdSession) view() string { return ansi.Strip(r.crowd.View().Content) }

// setConnection sends a change of the connection.
func (r *crowdSession) setConnection(phase sse.Phase, server string, wait time.Duration, err error) {
	r.t.Helper()
	r.send(tui.StreamEvents{Changes: []tui.ConnectionChange{{At: r.now, State: sse.State{Phase: phase, URL: "http://" + server + ":5001/v1/swarm", Wait: wait, Err: err}, Server: server}}})
}

func (r *crowdSession) live(server string) { r.t.Helper(); r.setConnection(sse.Live, server, 0, nil) }

// windows sends the swarms of the windows n to m, each shortly after the window ends.
func (r *crowdSession) windows(n, m int, counts ...wire.EmojiCount) {
	r.t.Helper()
	for ; n <= m; n++ {
		s := swarm(n, counts...)
		r.pass(time.UnixMilli(s.Window.End).Add(100 * time.Millisecond).Sub(r.now))
		r.send(tui.StreamEvents{Swarms: []wire.Swarm{s}})
	}
	r.pass(50 * time.Millisecond)
}

// swarm returns the swarm of the n-th window after noon; windows are two seconds long.
func swarm(n int, counts ...wire.EmojiCount) wire.Swarm {
	end := noon.Add(time.Duration(n) * 2 * time.Second).UnixMilli()
	return wire.NewSwarm("main", wire.Window{Start: end - 2000, End: end}, append([]wire.EmojiCount(nil), counts...), 50)
}

func emojiCount(emoji string, n int64) wire.EmojiCount {
	return wire.EmojiCount{Emoji: emoji, Count: n, Scaled: max(1, float64(n)/10)}
}

var errDial = fmt.Errorf("reach the server: %w", &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5000}, Err: errors.New("connection refused")})
