package topicreader_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/inspect/topicreader"
	"github.com/emostream/emostream/internal/stream"
)

// ReadOn first reads the whole topic, and later what was written since.
func TestTail(t *testing.T) {
	p := newTopic(t)
	tail := topicreader.NewTail(p.client, "emoji-topic", 3, 15*time.Second)
	var got []string
	readOn := func(want string, progress topicreader.Progress) {
		t.Helper()
		got = nil
		err := tail.ReadOn(t.Context(), func(partition int, records []stream.Record) error {
			for _, r := range records {
				got = append(got, fmt.Sprintf("%d:%s", partition, r.Value))
			}
			return nil
		}, nil)
		if have := strings.Join(got, " "); err != nil || have != want || tail.Progress() != progress {
			t.Errorf("got %q, %v and %+v; want %q and %+v", have, err, tail.Progress(), want, progress)
		}
	}
	readOn("", topicreader.Progress{})
	p.write(0, 1, 2)
	p.write(2, 3)
	readOn("0:1 0:2 2:3", topicreader.Progress{Read: 3, Known: 3})
	p.write(1, 4)
	readOn("1:4", topicreader.Progress{Read: 4, Known: 4})
	p.write(1, 5)
	enough := errors.New("enough")
	if err := tail.ReadOn(t.Context(), func(int, []stream.Record) error { return enough }, nil); !errors.Is(err, enough) {
		t.Errorf("an error of the caller's: %v", err)
	}
}

// A cursor reads up to the given end and no further, and goes on from there.
func TestCursorReadsExactly(t *testing.T) {
	p := newTopic(t)
	p.write(0, 0, 1, 2, 3, 4)
	c := topicreader.NewCursor(p.client, "emoji-topic", 0, 15*time.Second)
	var got []string
	take := func(records []stream.Record) error {
		for _, r := range records {
			got = append(got, string(r.Value))
		}
		return t.Context().Err()
	}
	for _, test := range []struct {
		how  string
		read func() error
		want string
	}{
		{"to 2", func() error { return c.Read(t.Context(), 2, take, nil) }, "0 1"},
		{"on to 5", func() error { return c.Read(t.Context(), 5, take, nil) }, "2 3 4"},
		{"on to 5 again", func() error { return c.Read(t.Context(), 5, take, nil) }, ""},
		{"the last 2", func() error { return c.ReadLast(t.Context(), 2, take) }, "3 4"},
		{"the last 9", func() error { return c.ReadLast(t.Context(), 9, take) }, "0 1 2 3 4"},
	} {
		got = nil
		if err := test.read(); err != nil || strings.Join(got, " ") != test.want {
			t.Errorf("%s: got %q, %v; want %q", test.how, got, err, test.want)
		}
	}
}
