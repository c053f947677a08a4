package export_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/inspect/export"
	"github.com/emostream/emostream/internal/wire"
)

// counts parses counts like "0 a 3, 2 a 1, 0 room/a 4": the start of the window in
// seconds, the emoji, perhaps with a channel before it, and the count.
func counts(t *testing.T, text string) []wire.Count {
	t.Helper()
	var all []wire.Count
	for part := range strings.SplitSeq(text, ", ") {
		if part == "" {
			continue
		}
		var c wire.Count
		var e string
		if _, err := fmt.Sscan(part, &c.Window.Start, &e, &c.Count); err != nil {
			t.Fatalf("%q: %v", part, err)
		}
		c.Window.Start *= 1000
		c.Window.End = c.Window.Start + 2000
		c.Channel = wire.MainChannel
		if channel, emoji, ok := strings.Cut(e, "/"); ok {
			c.Channel, e = channel, emoji
		}
		c.Emoji, c.Scaled = e, float64(c.Count)/10
		all = append(all, c)
	}
	return all
}

// rows returns the rows that Counts hands over, in the same form. "|" stands for each
// record that was added.
func rows(t *testing.T, l export.Limits, expected, added []wire.Count) (string, error) {
	t.Helper()
	m := export.NewCounts(l)
	var out []string
	give := func(w export.Window) error {
		name := w.Emoji
		if w.Channel != wire.MainChannel {
			name = w.Channel + "/" + name
		}
		if w.Scaled != float64(w.Count)/10 {
			t.Errorf("%+v is scaled by another record", w)
		}
		out = append(out, fmt.Sprintf("%d %s %d", w.Start/1000, name, w.Count))
		return nil
	}
	for _, c := range expected {
		if err := m.Expect(c.Window); err != nil {
			return "", err
		}
	}
	for _, c := range added {
		if err := m.Add(c, give); err != nil {
			return strings.Join(out, ", "), err
		}
		out = append(out, "|")
	}
	err := m.Flush(give)
	return strings.Trim(strings.Join(out, ", "), ", |"), err
}

func TestMerger(t *testing.T) {
	for name, test := range map[string]struct{ in, want string }{
		"nothing":                 {"", ""},
		"given at once":           {"0 a 3, 2 a 1", "0 a 3, |, 2 a 1"},
		"sorted":                  {"0 b 1, 0 room/a 2, 0 a 3", "|, |, 0 a 3, 0 b 1, 0 room/a 2"},
		"the greatest count":      {"0 a 3, 0 a 9, 0 a 5", "|, |, 0 a 9"},
		"revised after a later":   {"0 a 3, 2 a 1, 0 a 4", "|, |, 0 a 4, 2 a 1"},
		"windows out of order":    {"4 a 1, 0 a 1, 2 a 1", "|, 0 a 1, |, 2 a 1, 4 a 1"},
		"a count of nothing":      {"0 a 0", "0 a 0"},
		"spellings added up":      {"0 ❤\ufe0f 7, 0 ❤ 5, 0 🔥 1, 0 ❤ 4, 0 room/❤ 2, 0 :heart: 1", "|, |, |, |, |, 0 ❤\ufe0f 13, 0 🔥 1, 0 room/❤\ufe0f 2"},
		"each channel by itself":  {"0 a 1, 0 room/a 2, 0 a 3", "|, |, 0 a 3, 0 room/a 2"},
		"revised long afterwards": {"0 a 1, 2 a 1, 4 a 1, 6 a 1, 0 a 2", "|, |, |, |, 0 a 2, 2 a 1, 4 a 1, 6 a 1"},
	} {
		t.Run(name, func(t *testing.T) {
			all := counts(t, test.in)
			got, err := rows(t, export.Limits{}, all, all)
			if want := strings.Trim(test.want, ", |"); err != nil || strings.Trim(got, ", |") != want {
				t.Errorf("got %s, want %s (%v)", got, want, err)
			}
		})
	}
}

// The rows do not depend on the order of the records.
func TestRowsDoNotDependOnTheOrderOfRecords(t *testing.T) {
	all := counts(t, "0 a 1, 0 a 2, 0 b 4, 0 b 4, 2 a 7, 2 room/a 5, 2 room/a 6, 4 a 1, 6 b 2, 6 b 3, 8 a 1")
	const want = "0 a 2, 0 b 4, 2 a 7, 2 room/a 6, 4 a 1, 6 b 3, 8 a 1"
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		got, err := rows(t, export.Limits{}, all, all)
		if got = strings.Trim(strings.ReplaceAll(got, "|, ", ""), ", |"); err != nil || got != want {
			t.Fatalf("of %v: got %s, want %s (%v)", all, got, want, err)
		}
	}
}

// If retention removes records between the two readings, the remaining records of their
// windows still make rows. Records that were not expected make none.
func TestRecordsThatRetentionRemovesMeanwhile(t *testing.T) {
	got, err := rows(t, export.Limits{}, counts(t, "0 a 1, 0 a 2, 2 a 1"), counts(t, "0 a 2, 4 a 1, 2 a 1"))
	if want := "|, |, |, 0 a 2, 2 a 1"; err != nil || got != strings.Trim(want, "|, ") {
		t.Errorf("got %s, want %s (%v)", got, want, err)
	}
}

func TestCountsLimits(t *testing.T) {
	for name, test := range map[string]struct {
		limits export.Limits
		in     string
		fails  string
	}{
		"as many windows":    {export.Limits{Windows: 2}, "0 a 1, 2 a 1", ""},
		"one window more":    {export.Limits{Windows: 2}, "0 a 1, 2 a 1, 4 a 1", "the span has more than 2 windows: choose a shorter span"},
		"as many counts":     {export.Limits{Counts: 2}, "0 a 1, 0 b 1, 2 a 1", ""},
		"one count more":     {export.Limits{Counts: 2}, "0 a 1, 2 a 1, 4 a 1, 0 a 2", "more than 2 counts are of windows that later records speak of: choose a shorter span"},
		"the same again":     {export.Limits{Counts: 1}, "0 a 1, 0 a 2, 0 a 3", ""},
		"given away in time": {export.Limits{Counts: 1}, "0 a 1, 2 a 1, 4 a 1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			all := counts(t, test.in)
			_, err := rows(t, test.limits, all, all)
			if test.fails == "" && err != nil || test.fails != "" && (err == nil || !strings.HasPrefix(err.Error(), test.fails)) {
				t.Errorf("it failed with %v, want %q", err, test.fails)
			}
		})
	}
}

// An error of the function that takes the rows ends the export.
func TestAddReturnsTheErrorOfGive(t *testing.T) {
	full := errors.New("the disk is full")
	m := export.NewCounts(export.Limits{})
	c := counts(t, "0 a 1")[0]
	if err := m.Expect(c.Window); err != nil {
		t.Fatal(err)
	}
	if err := m.Add(c, func(export.Window) error { return full }); !errors.Is(err, full) {
		t.Errorf("Add = %v, want %v", err, full)
	}
}
