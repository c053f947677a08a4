package chaos

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/emostream/emostream/internal/inspect/topicreader"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// topic reads a topic from its beginning. Each read goes on where the last one ended,
// up to the topic's end.
type topic struct {
	client *kafka.Client
	name   string
	tail   *topicreader.Tail // nil before the first reading
}

// brokerTimeout is how long a read may go on without an answer of the brokers.
const brokerTimeout = 15 * time.Second

// read calls take for each new record, up to the end of each partition.
func (t *topic) read(ctx context.Context, take func(partition int, r stream.Record) error) error {
	if t.tail == nil {
		n, err := t.client.Partitions(ctx, t.name)
		if err != nil {
			return err
		}
		t.tail = topicreader.NewTail(t.client, t.name, n, brokerTimeout)
	}
	err := t.tail.ReadOn(ctx, func(p int, records []stream.Record) error {
		for _, r := range records {
			if err := take(p, r); err != nil {
				return fmt.Errorf("%s/%d: offset %d: %w", t.name, p, r.Offset, err)
			}
		}
		return nil
	}, nil)
	if gone := t.tail.Progress().Gone; err == nil && gone > 0 {
		err = fmt.Errorf("%s: retention removed %d records before they were read", t.name, gone)
	}
	return err
}

// written decodes a record of emoji-topic.
func written(p int, r stream.Record) (Written, error) {
	var reaction wire.Reaction
	err := json.Unmarshal(r.Value, &reaction)
	return Written{Partition: p, Offset: r.Offset, Time: r.Time, UserID: reaction.UserID, Emoji: reaction.Emoji}, err
}

// Counts is the greatest count in emoji-aggregated of each emoji in each window: by the
// end of the window in ms, and then by the emoji.
type Counts map[int64]map[string]count

type count struct {
	n  int64
	at int64 // time of the first record that held this count, in ms since 1970
}

// Add adds a record of emoji-aggregated.
func (c Counts) Add(r stream.Record) error {
	var n wire.Count
	if err := json.Unmarshal(r.Value, &n); err != nil {
		return err
	}
	w := c[n.Window.End]
	if w == nil {
		w = map[string]count{}
		c[n.Window.End] = w
	}
	if n.Count > w[n.Emoji].n {
		w[n.Emoji] = count{n.Count, r.Time}
	}
	return nil
}

// Totals returns how many reactions were counted in each window, by its end in ms.
func (c Counts) Totals() map[int64]int64 {
	totals := map[int64]int64{}
	for end, emojis := range c {
		for _, n := range emojis {
			totals[end] += n.n
		}
	}
	return totals
}

// Late is a window and how long after its end its final counts were written.
type Late struct {
	End int64 // of the window, ms
	By  time.Duration
}

func (l Late) String() string {
	return fmt.Sprintf("the window that ended at %s was complete %.1f s later", at(l.End), l.By.Seconds())
}

// Late returns how late the windows were that end after one time and not after another.
// The latest ones come first.
func (c Counts) Late(after, until int64) []Late {
	var out []Late
	for end, emojis := range c {
		if end <= after || end > until {
			continue
		}
		ms := int64(0)
		for _, n := range emojis {
			ms = max(ms, n.at-end)
		}
		out = append(out, Late{end, time.Duration(ms) * time.Millisecond})
	}
	slices.SortFunc(out, func(a, b Late) int { return cmp.Or(cmp.Compare(b.By, a.By), cmp.Compare(a.End, b.End)) })
	return out
}

// Swarms is what a subscriber server's topic holds.
type Swarms struct {
	// Greatest is the swarm with the greatest total of each window, by the window's
	// end.
	Greatest map[int64]Swarm
	// first is the offset of the first record with that window and total.
	first map[Shown]int64
}

// Shown is a window and a total of it, as a listener may be shown them.
type Shown struct{ End, Total int64 }

// Swarm is a record of a subscriber server's topic.
type Swarm struct {
	Shown
	Offset int64
	Time   int64 // ms
}

// Add adds a record of a subscriber server's topic.
func (s *Swarms) Add(r stream.Record) error {
	w, err := wire.DecodeSwarm(r.Value)
	if err != nil {
		return err
	}
	if s.Greatest == nil {
		s.Greatest, s.first = map[int64]Swarm{}, map[Shown]int64{}
	}
	shown := Shown{w.Window.End, w.Total}
	if _, known := s.first[shown]; !known {
		s.first[shown] = r.Offset
	}
	if known, ok := s.Greatest[shown.End]; !ok || shown.Total > known.Total {
		s.Greatest[shown.End] = Swarm{shown, r.Offset, r.Time}
	}
	return nil
}

// offset returns the offset of the first record with that window and total, or -1.
func (s *Swarms) offset(shown Shown) int64 {
	if o, ok := s.first[shown]; ok {
		return o
	}
	return -1
}
