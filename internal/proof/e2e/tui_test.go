package e2e_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

// openTUI opens the interactive client in a terminal, and waits until its stream is
// live.
func openTUI(t *testing.T, server string) *terminal {
	t.Helper()
	term := openTerminal(t, 100, 30, "tui", "--server", server)
	term.shows("● live sub")
	return term
}

// Two people with two interactive clients see each other's taps. Both clients leave
// their terminals as they were.
func TestTUI(t *testing.T) {
	sideBySide(t)
	_, in := up(t, "--ephemeral", "--window", "4s") // long enough for a burst in one window
	ann, bob := openTUI(t, in.main[0]), openTUI(t, in.main[0])

	ann.press("1")
	ann.shows("1 counted")
	bob.shows("1 reaction ", "🔥 █")
	ann.shows("1 of the 1 🔥 was yours")

	ann.press("/", "r", "o", "c", "k", "e", "t", "Enter")
	bob.shows("🚀 █")
	bob.press("b", "3", "0", "Tab", "1", "0", "0", "Enter")
	ann.shows("30 reactions", "🔥 █")
	bob.shows("30 of the 30 🔥 were yours")
	bob.press("i")
	bob.shows("Instruments", "end → seen", "last error", "none")

	ann.press("q")
	ann.shows("what was there", "your taps: 2 counted", "ended with 0")
	bob.press("C-c")
	bob.shows("what was there", "your taps: 30 counted", "ended with 0")
	for _, term := range []*terminal{ann, bob} {
		if screen := term.screen(); strings.Contains(screen, "emostream") {
			t.Errorf("the view is still there:\n%s", screen)
		}
	}
}

// serverOf returns the subscriber server that a client shows as its own; empty if none.
func (term *terminal) serverOf() string {
	found := regexp.MustCompile(`live (sub\d+)`).FindStringSubmatch(term.screen())
	if found == nil {
		return ""
	}
	return found[1]
}

// When subscriber servers and a main server are killed, interactive clients say so,
// connect again by themselves, and lose no tap.
func TestTUISurvives(t *testing.T) {
	sideBySide(t)
	all, in := stages(t)
	again := func(name string) { all[name] = start(t, all[name].cmd.Args[1:]...) }
	ann, bob := openTUI(t, in.main[0]), openTUI(t, in.main[0])
	bob.press("1")
	bob.shows("1 counted")
	ann.shows("1 reaction ")

	first := ann.serverOf()
	second := map[string]string{"sub1": "sub2", "sub2": "sub1"}[first]
	all[first].kill()
	ann.shows("reconnecting")
	ann.shows("live "+second, "resumed at "+second)
	bob.shows("live ")

	again(first)
	in.ready()
	all[second].kill()
	for _, term := range []*terminal{ann, bob} {
		term.shows("live "+first, "resumed at "+first)
	}
	ann.press("2")
	ann.shows("1 counted")
	bob.shows("😂 █")

	all["serve-1"].kill()
	ann.press("i")
	ann.shows("last error: nobody answers at") // taps before that may have been taken, and are in doubt
	ann.press("3")
	ann.shows("1 pending")
	again("serve-1")
	ann.shows("2 counted")
	bob.shows("👍 █")
	until(t, "both are live on "+first, func() error {
		if a, b := ann.serverOf(), bob.serverOf(); a != first || b != first {
			return fmt.Errorf("they are on %q and %q", a, b)
		}
		return nil
	})
}

// After the only subscriber server was away, the interactive client says how many of
// the windows that it missed were replayed.
func TestTUIReplays(t *testing.T) {
	sideBySide(t)
	all, in := stages(t)
	all["sub2"].kill()
	until(t, "sub2 is known to be gone", func() error {
		a, err := post(in.main[0]+"/register", "application/json", "")
		if err == nil && !strings.Contains(a.body, "sub1") {
			err = fmt.Errorf("%s", a.body)
		}
		return err
	})
	ann := openTUI(t, in.main[0])
	ann.press("1")
	ann.shows("1 reaction ")
	all["sub1"].kill()
	ann.shows("reconnecting")
	led := in.crowd(t.Context(), 40, 2, 5*time.Second)
	if led.total != 40 {
		t.Fatalf("%d of 40 taps were acknowledged", led.total)
	}
	all["sub1"] = start(t, all["sub1"].cmd.Args[1:]...)
	until(t, "windows are replayed", func() error {
		if screen := ann.screen(); !regexp.MustCompile(`resumed at sub1, \d+ windows? replayed`).MatchString(screen) {
			return fmt.Errorf("not said")
		}
		return nil
	})
}
