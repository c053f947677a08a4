package topicreader_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/broker/brokertest"
	"github.com/emostream/emostream/internal/inspect/topicreader"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
)

// base is the time of the tests' first records.
var base = time.Date(2026, 11, 23, 14, 42, 0, 0, time.UTC)

const forever = 100 * 365 * 24 * time.Hour

// topic is a topic of three partitions on an embedded broker.
type topic struct {
	t       *testing.T
	client  *kafka.Client
	brokers []string
}

func newTopic(t *testing.T) *topic {
	t.Helper()
	c, address := brokertest.Open(t)
	if _, err := c.EnsureTopics(t.Context(), kafka.Layout{Reactions: 3, Retention: forever}.ReactionsTopic()); err != nil {
		t.Fatal(err)
	}
	return &topic{t, c, []string{address}}
}

// write appends a record to a partition for each of seconds, with the time base +
// seconds.
func (p *topic) write(partition int, seconds ...int) {
	p.t.Helper()
	for _, s := range seconds {
		at := base.Add(time.Duration(s) * time.Second)
		r := stream.Record{Time: at.UnixMilli(), Value: []byte(fmt.Sprint(s))}
		if err := p.client.Writer("emoji-topic").Write(p.t.Context(), partition, []stream.Record{r}); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *topic) open(cfg topicreader.Config) *topicreader.Range {
	p.t.Helper()
	cfg.Client, cfg.Topic = p.client, "emoji-topic"
	s, err := topicreader.Open(p.t.Context(), cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

// merged returns the records of Records as text.
func merged(ctx context.Context, t *testing.T, s *topicreader.Range) string {
	t.Helper()
	var all []string
	for r, err := range s.Records(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(r.Value))
	}
	return strings.Join(all, " ")
}

// each returns the records of Each as text, in the order of their times.
func each(ctx context.Context, t *testing.T, s *topicreader.Range) string {
	t.Helper()
	var all []stream.Record
	err := s.Each(ctx, func(_ int, records []stream.Record) error {
		for _, r := range records {
			all = append(all, stream.Record{Time: r.Time, Value: slices.Clone(r.Value)})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(all, func(a, b stream.Record) int { return int(a.Time - b.Time) })
	var texts []string
	for _, r := range all {
		texts = append(texts, string(r.Value))
	}
	return strings.Join(texts, " ")
}

func at(seconds int) topicreader.Bound {
	return topicreader.At(base.Add(time.Duration(seconds) * time.Second))
}

func TestRanges(t *testing.T) {
	p := newTopic(t)
	p.write(0, 0, 10, 20, 300)
	p.write(1, 5, 21, 4, 301) // the record of 4 was accepted before that of 5, and written later
	for name, test := range map[string]struct {
		from, to topicreader.Bound
		want     string
	}{
		"all there is":           {want: "0 5 10 20 21 4 300 301"},
		"from a time":            {from: at(10), want: "10 20 21 300 301"},
		"to a time":              {to: at(10), want: "0 5 4"},
		"the disorderly too":     {to: at(5), want: "0 4"},
		"between two times":      {from: at(4), to: at(21), want: "5 4 10 20"},
		"nothing between":        {from: at(30), to: at(40)},
		"before all":             {to: at(0)},
		"after all":              {from: at(1000)},
		"a time is in it at ms":  {from: at(20), to: topicreader.At(base.Add(20*time.Second + time.Millisecond)), want: "20"},
		"from an offset":         {from: topicreader.AtOffset(2), want: "4 20 300 301"},
		"to an offset":           {to: topicreader.AtOffset(2), want: "0 5 10 21"},
		"between two offsets":    {from: topicreader.AtOffset(1), to: topicreader.AtOffset(2), want: "10 21"},
		"offsets beyond the end": {from: topicreader.AtOffset(7), to: topicreader.AtOffset(9)},
		"an offset and a time":   {from: topicreader.AtOffset(1), to: at(100), want: "10 20 21 4"},
		"the wrong way round":    {from: at(21), to: at(4)},
	} {
		t.Run(name, func(t *testing.T) {
			s := p.open(topicreader.Config{From: test.from, To: test.to})
			for range 2 { // each call reads from the beginning
				if got := merged(t.Context(), t, s); got != test.want {
					t.Errorf("merged: got %q, want %q", got, test.want)
				}
			}
			sorted := strings.Fields(test.want)
			slices.SortFunc(sorted, func(a, b string) int { return len(a)*100 + strings.Compare(a, b) - len(b)*100 })
			if got := each(t.Context(), t, s); got != strings.Join(sorted, " ") {
				t.Errorf("each: got %q, want %q", got, sorted)
			}
		})
	}
}

// A range can be of one partition only, and can begin at the end of the topic.
func TestPartition(t *testing.T) {
	p := newTopic(t)
	p.write(0, 0, 10)
	p.write(1, 5, 21)
	one, three := 1, 3
	if got := merged(t.Context(), t, p.open(topicreader.Config{Partition: &one, From: topicreader.AtOffset(1)})); got != "21" {
		t.Errorf("partition 1 from 1 on: %q", got)
	}
	if got := merged(t.Context(), t, p.open(topicreader.Config{From: topicreader.AtEnd()})); got != "" {
		t.Errorf("from the end: %q", got)
	}
	_, err := topicreader.Open(t.Context(), topicreader.Config{Client: p.client, Topic: "emoji-topic", Partition: &three})
	if none, ok := errors.AsType[*topicreader.PartitionError](err); !ok || none.Partitions != 3 {
		t.Errorf("partition 3: %v", err)
	}
}

// If a log is shorter than what was read of it, the error says what to do.
func TestShorterLog(t *testing.T) {
	p := newTopic(t)
	p.write(0, 0, 10)
	c := topicreader.NewCursor(p.client, "emoji-topic", 0, 0)
	c.MoveTo(7)
	err := c.Read(t.Context(), topicreader.Endless, nil, nil)
	if want := "emoji-topic/0: the log ends at 2 and was read to 7: it was made anew, or has lost its tail; begin again"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// Records written after a range was opened do not belong to it, unless it has Follow.
func TestEnd(t *testing.T) {
	p := newTopic(t)
	p.write(0, 1)
	var last topicreader.Progress
	s := p.open(topicreader.Config{Progress: func(now topicreader.Progress) { last = now }})
	following := p.open(topicreader.Config{Follow: true})
	p.write(0, 2)
	p.write(2, 3)
	if got := merged(t.Context(), t, s); got != "1" {
		t.Errorf("got %q, want what was there", got)
	}
	if last.Known != 1 || last.Read < 1 || last != s.Progress() {
		t.Errorf("progress %+v and %+v", last, s.Progress())
	}
	enough := errors.New("enough")
	var seen []string
	err := following.Each(t.Context(), func(_ int, records []stream.Record) error {
		for _, r := range records {
			seen = append(seen, string(r.Value))
		}
		if len(seen) == 3 {
			return enough
		}
		return nil
	})
	slices.Sort(seen)
	if !errors.Is(err, enough) || strings.Join(seen, " ") != "1 2 3" {
		t.Errorf("it followed to %q, and then %v", seen, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := following.Each(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

func TestMissing(t *testing.T) {
	p := newTopic(t)
	_, err := topicreader.Open(t.Context(), topicreader.Config{Client: p.client, Topic: "emoji-topik"})
	if missing, ok := errors.AsType[*topicreader.MissingError](err); !ok || missing.Error() != "topic emoji-topik does not exist" {
		t.Errorf("Open = %v", err)
	}
}

func TestParseBound(t *testing.T) {
	now := base
	for text, want := range map[string]string{
		"":                             "none",
		"2026-11-23T14:42:00Z":         "2026-11-23T14:42:00Z",
		"2026-11-23T15:42:00.25+01:00": "2026-11-23T14:42:00.25Z",
		"2026-11-23":                   "2026-11-23T00:00:00Z",
		"10m":                          "2026-11-23T14:32:00Z",
		"0":                            "offset 0",
		"1200":                         "offset 1200",
		"now":                          "the end",
		"-1":                           "refused",
		"-10m":                         "refused",
		"yesterday":                    "refused",
		"14:42":                        "refused",
	} {
		b, err := topicreader.ParseBound(text, now)
		got := "none"
		switch {
		case err != nil:
			got = "refused"
			if !strings.Contains(err.Error(), "want a time like 2026-11-23T14:42:00Z") {
				t.Errorf("%q: %v", text, err)
			}
		case b.Offset != nil:
			got = fmt.Sprintf("offset %d", *b.Offset)
		case b.Now:
			got = "the end"
		case !b.Time.IsZero():
			got = b.Time.UTC().Format(time.RFC3339Nano)
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}
