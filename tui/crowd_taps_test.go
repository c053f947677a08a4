package tui_test

import (
	"io"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/tui"
)

// Even on the smallest screen with frames, the message about taps that were not
// accepted shows the cause.
func TestCrowdShowsWhyTapsAreNotAccepted(t *testing.T) {
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

// Each key sends the expected requests.
func TestCrowdKeysSendReactions(t *testing.T) {
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

// Taps that were certainly not written are sent again, and no other taps.
func TestCrowdRetriesTapsNotWritten(t *testing.T) {
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

// While the server does not answer, there is only one request, and further taps wait.
// Taps beyond the bound are refused with a message.
func TestCrowdBoundsWaitingTaps(t *testing.T) {
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

// Leaving waits for taps that are on their way, until a timeout.
func TestCrowdLeaves(t *testing.T) {
	for name, test := range map[string]struct {
		do   func(*crowdSession)
		quit bool
	}{
		"q":                    {func(r *crowdSession) { r.press("q") }, true},
		"esc":                  {func(r *crowdSession) { r.press("esc") }, true},
		"ctrl+c":               {func(r *crowdSession) { r.press("ctrl+c") }, true},
		"from elsewhere":       {func(r *crowdSession) { r.send(tui.Leave{}) }, true},
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
		"a terminal of no size":   {func(r *crowdSession) { r.send(tea.WindowSizeMsg{Width: 1, Height: 1}); r.press("q") }, true},
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
