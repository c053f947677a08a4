package tui_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/tui"
)

// nextRequest returns the queue's next request at a time past noon, as emojis and
// counts.
func nextRequest(q tui.TapQueue, at time.Duration) (tui.TapQueue, []string) {
	q, batch := q.NextRequest(noon.Add(at))
	var got []string
	for _, t := range batch {
		got = append(got, t.Emoji, time.Duration(t.Count).String())
	}
	return q, got
}

// Whatever the server answers, each tap is at any time exactly one of accepted,
// refused, in doubt, not sent or pending.
func TestTapQueueCountsEachTapOnce(t *testing.T) {
	answers := []tui.SendResult{
		{Err: errDial},
		{Err: errDial},
		{Results: []client.Result{{AcceptedAt: noon}, {Code: "not_written"}}},
		{Results: []client.Result{{Code: "in_doubt"}, {Code: "not_an_emoji"}, {AcceptedAt: noon}}},
		{Results: nil}, // no results at all
		{Err: errors.New("broken off")},
		{Err: &client.RefusalError{Status: 503, Code: "not_written", RetryAfter: time.Second}},
		{Err: errDial},
		{Err: &client.RefusalError{Status: 413, Code: "too_large"}},
	}
	tapped, now := 0, noon
	var q tui.TapQueue
	for i := range 500 {
		now = now.Add(time.Duration(i%7) * 500 * time.Millisecond)
		for _, e := range []string{"🔥", "😂", "🎉"}[:i%4%3+1] {
			n := 1 + i*i%260
			tapped += n
			q, _ = q.Tap(e, n, now)
		}
		var batch []tui.Taps
		if q, batch = q.NextRequest(now); batch != nil {
			for _, t2 := range batch {
				if t2.Count < 1 || t2.Count > 100 {
					t.Fatalf("a reaction stands for %d taps", t2.Count)
				}
			}
			a := answers[i/40%len(answers)]
			a.Asked, a.Answered = now, now.Add(50*time.Millisecond)
			q, _ = q.TakeResult(a)
		}
		if sum := q.Accepted + q.Refused + q.InDoubt + q.NotSent + q.Pending(); sum != tapped {
			t.Fatalf("after %d steps %d of %d taps are accounted for: %+v", i+1, sum, tapped, q)
		}
	}
	for name, n := range map[string]int{"accepted": q.Accepted, "refused": q.Refused, "in doubt": q.InDoubt, "unsent": q.NotSent} {
		if n == 0 {
			t.Errorf("none was %s: this test shows nothing of it", name)
		}
	}
}

// There is one request at a time, with an interval between requests. Retry-After is
// obeyed.
func TestTapQueueRequestIntervals(t *testing.T) {
	var q tui.TapQueue
	q, _ = q.Tap("🔥", 1, noon)
	q, got := nextRequest(q, 0)
	if got == nil {
		t.Fatal("the first tap is not sent at once")
	}
	q, _ = q.Tap("🔥", 1, noon)
	if _, got := nextRequest(q, time.Minute); got != nil {
		t.Errorf("%v was sent while a request was on its way", got)
	}
	q, _ = q.TakeResult(tui.SendResult{Results: []client.Result{{AcceptedAt: noon}}, Answered: noon.Add(time.Millisecond)})
	if _, got := nextRequest(q, 99*time.Millisecond); got != nil {
		t.Errorf("%v was sent 99 ms after the last request", got)
	}
	if _, got = nextRequest(q, 100*time.Millisecond); got == nil {
		t.Error("nothing was sent 100 ms after the last request")
	}
	q, _ = nextRequest(q, 100*time.Millisecond)
	q, trouble := q.TakeResult(tui.SendResult{Err: &client.RefusalError{Status: 429, Message: "slower", RetryAfter: 3 * time.Second}, Answered: noon.Add(time.Second)})
	if trouble != "not taken yet: slower" {
		t.Errorf("said %q", trouble)
	}
	if _, got := nextRequest(q, 3999*time.Millisecond); got != nil {
		t.Errorf("%v was sent before the server wanted it", got)
	}
	if _, got = nextRequest(q, 4*time.Second); got == nil {
		t.Error("nothing was sent when the server wanted it")
	}
}

// Own taps belong to the window that contains the time at which they were accepted.
func TestTapQueueOwnTaps(t *testing.T) {
	var q tui.TapQueue
	for i := range 40 {
		at := noon.Add(time.Duration(i) * 100 * time.Millisecond)
		q, _ = q.Tap([]string{"🔥", "😂"}[i%2], 1, at)
		q, _ = q.NextRequest(at)
		q, _ = q.TakeResult(tui.SendResult{Results: []client.Result{{AcceptedAt: at}}, Answered: at})
	}
	start := noon.UnixMilli()
	got := map[string]int{}
	for _, own := range q.OwnIn(start+1000, start+2000) {
		got[own.Emoji] = own.Count
	}
	if diff := cmp.Diff(map[string]int{"🔥": 5, "😂": 5}, got); diff != "" {
		t.Errorf("own taps (-want +got):\n%s", diff)
	}
	q, took := q.MarkShown(noon.Add(10*time.Second), func(own tui.OwnTaps) bool { return own.At < start+500 })
	if len(took) != 5 || took[0] != 10*time.Second {
		t.Errorf("seen: %v", took)
	}
	if _, again := q.MarkShown(noon.Add(11*time.Second), func(own tui.OwnTaps) bool { return own.At < start+500 }); again != nil {
		t.Errorf("seen again: %v", again)
	}
}
