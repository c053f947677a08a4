package topicreader_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/inspect/topicreader"
	"github.com/emostream/emostream/internal/proof/kafkatest/foreign"
	"github.com/emostream/emostream/internal/stream"
)

// second returns a record with the time base + s seconds, as topic.write writes it.
func second(s int) stream.Record {
	return stream.Record{Time: base.Add(time.Duration(s) * time.Second).UnixMilli(), Value: fmt.Append(nil, s)}
}

// A reading ends in front of a transaction that stays open, and says what lies behind
// it. When the transaction has ended, all is read that was not aborted.
func TestReadingEndsBeforeAnOpenTransaction(t *testing.T) {
	t.Parallel()
	p := newTopic(t)
	p.write(0, 0, 3)
	p.write(1, 1)
	theirs := foreign.Begin(t, p.brokers, "theirs")
	theirs.Write("emoji-topic", 0, second(4), second(5))
	p.write(0, 6)
	p.write(1, 2)

	tail := topicreader.NewTail(p.client, "emoji-topic", 3, 15*time.Second)
	readOn := func() (got string) {
		t.Helper()
		if err := tail.ReadOn(t.Context(), func(partition int, records []stream.Record) error {
			for _, r := range records {
				got += fmt.Sprintf("%d:%s ", partition, r.Value)
			}
			return nil
		}, nil); err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(got)
	}
	open := fmt.Sprint([]topicreader.Unread{{Topic: "emoji-topic", From: 2, To: 5, Open: true}})
	s := p.open(topicreader.Config{})
	for how, got := range map[string]string{
		"Records":  merged(t.Context(), t, s),
		"Each":     each(t.Context(), t, s),
		"ReadOn":   strings.NewReplacer("0:", "", "1:", "").Replace(readOn()),
		"ReadLast": last(t, p, 3),
	} {
		want := map[string]string{"Records": "0 1 2 3", "Each": "0 1 2 3", "ReadOn": "0 3 1 2", "ReadLast": "0 3"}[how]
		if got != want {
			t.Errorf("%s: read %q, want %q", how, got, want)
		}
	}
	if got := fmt.Sprint(s.Unread()); got != open || s.Progress().Blocked != 3 {
		t.Errorf("not read %s, %+v; want %s", got, s.Progress(), open)
	}
	if got := fmt.Sprint(tail.Unread()); got != open || tail.Progress().Blocked != 3 {
		t.Errorf("the tail has not read %s, %+v; want %s", got, tail.Progress(), open)
	}

	theirs.Abort()
	if got := readOn(); got != "0:6" || len(tail.Unread()) > 0 || tail.Progress().Blocked != 0 {
		t.Errorf("after the end: read %q, not read %v, %+v", got, tail.Unread(), tail.Progress())
	}
	if got := merged(t.Context(), t, p.open(topicreader.Config{})); got != "0 1 2 3 6" {
		t.Errorf("after the end: read %q, want all but what was aborted", got)
	}
}

// last returns the values of the last n records of partition 0 that can be read.
func last(t *testing.T, p *topic, n int64) string {
	t.Helper()
	var got []string
	err := topicreader.NewCursor(p.client, "emoji-topic", 0, 15*time.Second).ReadLast(t.Context(), n, func(records []stream.Record) error {
		for _, r := range records {
			got = append(got, string(r.Value))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(got, " ")
}

// A short transaction is waited for.
func TestReadingWaitsForAShortTransaction(t *testing.T) {
	t.Parallel()
	p := newTopic(t)
	theirs := foreign.Begin(t, p.brokers, "theirs")
	theirs.Write("emoji-topic", 0, second(0))
	s := p.open(topicreader.Config{Stall: time.Minute})
	read := make(chan string)
	go func() { read <- merged(t.Context(), t, s) }()
	theirs.Commit()
	if got := <-read; got != "0" || len(s.Unread()) > 0 {
		t.Errorf("read %q, not read %v", got, s.Unread())
	}
}

// A batch that cannot be read is passed over, and told of.
func TestReadingPassesOverWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	p := newTopic(t)
	p.write(0, 0)
	if err := foreign.Produce(t, p.brokers, "emoji-topic", 0, foreign.Zeros(t, 70<<20)); err != nil {
		t.Skipf("the embedded broker refuses it: %v", err)
	}
	p.write(0, 1)
	s := p.open(topicreader.Config{})
	if got := each(t.Context(), t, s); got != "0 1" {
		t.Errorf("read %q, want what is before and after", got)
	}
	u := s.Unread()
	if len(u) != 1 || u[0].From != 1 || u[0].To != 2 || u[0].Open || !strings.Contains(u[0].Reason.Error(), "64 MiB") || s.Progress().Skipped != 1 {
		t.Errorf("not read %+v, %+v; want the record at 1", u, s.Progress())
	}
}
