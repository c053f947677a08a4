package tui_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/tui"
)

// due is what of an outbox is due at a time, as emoji and count.
func nextRequest(o tui.TapQueue, at time.Duration) (tui.TapQueue, []string) {
	o, batch := o.NextRequest(noon.Add(at))
	var got []string
	for _, t := range batch {
		got = append(got, t.Emoji, time.Duration(t.Count).String())
	}
	return o, got
}

// Every tap ends as exactly one of accepted, refused, in doubt, unsent or pending,
// whatever servers answer and whenever.
func TestOutboxKeepsCount(t *testing.T) {
	answers := []tui.SendResult{
		{Err: errDial},
		{Err: errDial},
		{Results: []client.Result{{AcceptedAt: noon}, {Code: "not_written"}}},
		{Results: []client.Result{{Code: "in_doubt"}, {Code: "not_an_emoji"}, {AcceptedAt: noon}}},
		{Results: nil}, // for none of them
		{Err: errors.New("broken off")},
		{Err: &client.RefusalError{Status: 503, Code: "not_written", RetryAfter: time.Second}},
		{Err: errDial},
		{Err: &client.RefusalError{Status: 413, Code: "too_large"}},
	}
	tapped, now := 0, noon
	var o tui.TapQueue
	for i := range 500 {
		now = now.Add(time.Duration(i%7) * 500 * time.Millisecond)
		for _, e := range []string{"🔥", "😂", "🎉"}[:i%4%3+1] {
			n := 1 + i*i%260
			tapped += n
			o, _ = o.Tap(e, n, now)
		}
		var batch []tui.Taps
		if o, batch = o.NextRequest(now); batch != nil {
			for _, t2 := range batch {
				if t2.Count < 1 || t2.Count > 100 {
					t.Fatalf("a reaction stands for %d taps", t2.Count)
				}
			}
			a := answers[i/40%len(answers)]
			a.Asked, a.Answered = now, now.Add(50*time.Millisecond)
			o, _ = o.TakeResult(a)
		}
		if sum := o.Accepted + o.Refused + o.InDoubt + o.NotSent + o.Pending(); sum != tapped {
			t.Fatalf("after %d steps %d of %d taps are accounted for: %+v", i+1, sum, tapped, o)
		}
	}
	for name, n := range map[string]int{"accepted": o.Accepted, "refused": o.Refused, "in doubt": o.InDoubt, "unsent": o.NotSent} {
		if n == 0 {
			t.Errorf("none was %s: this test shows nothing of it", name)
		}
	}
}

// Requests keep a pace, one at a time; a server's Retry-After is obeyed.
func TestOutboxPace(t *testing.T) {
	var o tui.TapQueue
	o, _ = o.Tap("🔥", 1, noon)
	o, got := nextRequest(o, 0)
	if got == nil {
		t.Fatal("the first tap is not sent at once")
	}
	o, _ = o.Tap("🔥", 1, noon)
	if _, got := nextRequest(o, time.Minute); got != nil {
		t.Errorf("%v was sent while a request was on its way", got)
	}
	o, _ = o.TakeResult(tui.SendResult{Results: []client.Result{{AcceptedAt: noon}}, Answered: noon.Add(time.Millisecond)})
	if _, got := nextRequest(o, 99*time.Millisecond); got != nil {
		t.Errorf("%v was sent 99 ms after the last request", got)
	}
	if _, got = nextRequest(o, 100*time.Millisecond); got == nil {
		t.Error("nothing was sent 100 ms after the last request")
	}
	o, _ = nextRequest(o, 100*time.Millisecond)
	o, trouble := o.TakeResult(tui.SendResult{Err: &client.RefusalError{Status: 429, Message: "slower", RetryAfter: 3 * time.Second}, Answered: noon.Add(time.Second)})
	if trouble != "not taken yet: slower" {
		t.Errorf("said %q", trouble)
	}
	if _, got := nextRequest(o, 3999*time.Millisecond); got != nil {
		t.Errorf("%v was sent before the server wanted it", got)
	}
	if _, got = nextRequest(o, 4*time.Second); got == nil {
		t.Error("nothing was sent when the server wanted it")
	}
}

// Own taps belong to the window that holds the time they were accepted at.
func TestOutboxOwn(t *testing.T) {
	var o tui.TapQueue
	for i := range 40 {
		at := noon.Add(time.Duration(i) * 100 * time.Millisecond)
		o, _ = o.Tap([]string{"🔥", "😂"}[i%2], 1, at)
		o, _ = o.NextRequest(at)
		o, _ = o.TakeResult(tui.SendResult{Results: []client.Result{{AcceptedAt: at}}, Answered: at})
	}
	start := noon.UnixMilli()
	got := map[string]int{}
	for _, own := range o.OwnIn(start+1000, start+2000) {
		got[own.Emoji] = own.Count
	}
	if diff := cmp.Diff(map[string]int{"🔥": 5, "😂": 5}, got); diff != "" {
		t.Errorf("own taps (-want +got):\n%s", diff)
	}
	o, took := o.MarkShown(noon.Add(10*time.Second), func(own tui.OwnTaps) bool { return own.At < start+500 })
	if len(took) != 5 || took[0] != 10*time.Second {
		t.Errorf("seen: %v", took)
	}
	if _, again := o.MarkShown(noon.Add(11*time.Second), func(own tui.OwnTaps) bool { return own.At < start+500 }); again != nil {
		t.Errorf("seen again: %v", again)
	}
}
