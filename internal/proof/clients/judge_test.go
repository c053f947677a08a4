package clients_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/wire"
)

// event is an event that a client shows, as it says.
type event struct {
	ID, Event, Data string
	at              time.Time
}

// truth is what a client should show.
type truth struct {
	forms map[int64][]string  // of each window, by its end: what was shown of it; the last form is the true one
	at    map[int64]time.Time // when the first form of each was shown
	calm  [2]time.Time        // from when until when windows must come in time: while programs start or connect again, they need not
}

// isCalm returns whether a window must come in time.
func (is truth) isCalm(end int64) bool {
	return is.at[end].After(is.calm[0]) && is.at[end].Before(is.calm[1])
}

// newest returns the end of the newest window.
func (is truth) newest() (end int64) {
	for e := range is.forms {
		end = max(end, e)
	}
	return end
}

// counts returns how often each emoji is shown.
func (is truth) counts() map[string]int64 {
	counts := map[string]int64{}
	for _, forms := range is.forms {
		swarm, _ := wire.DecodeSwarm([]byte(forms[len(forms)-1])) // truth holds nothing else
		for _, e := range swarm.Emojis {
			counts[e.Emoji] += e.Count
		}
	}
	return counts
}

// total returns how many reactions an event shows.
func total(data string) int64 {
	s, _ := wire.DecodeSwarm([]byte(data)) // 0 if it shows none
	return s.Total
}

// What may be wrong with what a client shows.
const (
	nothing = "nothing"        // it has shown no event
	empty   = "empty events"   // without data
	broken  = "broken windows" // not what was sent
	missed  = "missed windows" // that came after its first one
	late    = "late windows"   // more than half of them: one may be late for a busy machine
)

// lateAfter is how long after others a window may be shown. It is the length of a window:
// who shows each only when the next one comes is late.
const lateAfter = 2 * time.Second

// windowEnd returns the end of the window that an event shows.
func windowEnd(data string) (int64, error) {
	s, err := wire.DecodeSwarm([]byte(data))
	return s.Window.End, err
}

// judge compares what a client has shown with the truth. It returns how often each thing
// was wrong.
func judge(seen []event, want truth) map[string]int {
	wrong := map[string]int{}
	if len(seen) == 0 {
		wrong[nothing]++
		return wrong
	}
	var first int64
	calm := 0
	last := map[int64]string{}
	for _, e := range seen {
		end, err := windowEnd(e.Data)
		switch {
		case e.Data == "":
			wrong[empty]++
			continue
		case err != nil || !slices.Contains(want.forms[end], e.Data):
			wrong[broken]++
			continue
		case first == 0:
			first = end
		case last[end] == "" && want.isCalm(end):
			calm++
			if e.at.Sub(want.at[end]) > lateAfter {
				wrong[late]++
			}
		}
		last[end] = e.Data
	}
	if 2*wrong[late] <= calm {
		delete(wrong, late)
	}
	for end, forms := range want.forms {
		if end >= first && last[end] != forms[len(forms)-1] {
			wrong[missed]++
		}
	}
	return wrong
}

func TestJudge(t *testing.T) {
	began := time.Now().Truncate(time.Second)
	at := func(n int) time.Time { return began.Add(time.Duration(n) * lateAfter) }
	form := func(n, total int) string {
		return fmt.Sprintf(`{"channel":"main","window":{"start":%q,"end":%q},"total":%d,"emojis":[]}`,
			wire.Time(at(n-1).UnixMilli()), wire.Time(at(n).UnixMilli()), total)
	}
	shown := func(n, total int) event { return event{Data: form(n, total), at: at(n).Add(time.Millisecond)} }
	want := truth{map[int64][]string{}, map[int64]time.Time{}, [2]time.Time{at(1), at(4)}}
	for n := range 5 {
		want.forms[at(n).UnixMilli()] = []string{form(n, 10), form(n, 11)}
		want.at[at(n).UnixMilli()] = at(n)
	}
	held := func(n int) event { return event{Data: form(n, 11), at: at(n + 1).Add(time.Millisecond)} }
	for name, tt := range map[string]struct {
		seen  []event
		wrong map[string]int
	}{
		"nothing":                 {nil, map[string]int{nothing: 1}},
		"all":                     {[]event{shown(0, 11), shown(1, 10), shown(1, 11), shown(2, 11), shown(3, 11), shown(4, 11)}, nil},
		"from a later one on":     {[]event{shown(2, 10), shown(3, 11), shown(2, 11), shown(4, 11)}, nil},
		"one is missed":           {[]event{shown(2, 11), shown(4, 11)}, map[string]int{missed: 1}},
		"not as it has grown":     {[]event{shown(3, 10), shown(4, 10)}, map[string]int{missed: 2}},
		"without data":            {[]event{{}, shown(4, 11), {Event: "heartbeat"}}, map[string]int{empty: 2}},
		"cut":                     {[]event{shown(3, 11), {Data: form(4, 11)[:30]}, shown(4, 11)}, map[string]int{broken: 1}},
		"never sent":              {[]event{shown(4, 12), shown(5, 11), shown(4, 11)}, map[string]int{broken: 2}},
		"held back":               {[]event{shown(0, 11), held(1), held(2), held(3), shown(4, 11)}, map[string]int{late: 2}},
		"one of two is held back": {[]event{shown(0, 11), shown(1, 11), held(2), shown(3, 11), shown(4, 11)}, nil},
		"late, and not calm":      {[]event{shown(0, 11), held(1), shown(2, 11), shown(3, 11), held(4)}, nil},
		"a first one of long ago": {[]event{held(2), shown(3, 11), shown(4, 11)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := judge(tt.seen, want); !maps.Equal(got, tt.wrong) {
				t.Errorf("judge says %v, want %v", got, tt.wrong)
			}
		})
	}
}
