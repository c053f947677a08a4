package doctor

import (
	"context"
	"fmt"

	"github.com/emostream/emostream/internal/inspect/topicreader"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/text"
)

// contents looks at the last records of each partition of each topic, and for
// transactions that stay open.
func (s *session) contents(ctx context.Context, topics []Topic) []Finding {
	ctx, cancel := context.WithTimeout(ctx, 2*s.Timeout)
	defer cancel()
	var all []Content
	for _, t := range topics {
		if !s.usable(t.Name) {
			continue
		}
		c, err := s.content(ctx, t)
		if err != nil {
			return failed(areaTopics, err)
		}
		all = append(all, c)
	}
	err := retry(ctx, func() (done bool, err error) {
		still := 0
		for i := range all {
			if err := s.keepOpen(ctx, &all[i]); err != nil {
				return false, err
			}
			still += len(all[i].Open)
		}
		return still == 0, nil
	})
	if err != nil {
		return failed(areaTopics, err)
	}
	return Contents(all)
}

// content looks at the last records of a topic.
func (s *session) content(ctx context.Context, t Topic) (Content, error) {
	c := Content{Topic: t.Name}
	foreign := func(partition int, offset, records int64, why error) {
		if c.Foreign == 0 {
			c.Example = fmt.Sprintf("that of partition %d at offset %d: %.200s", partition, offset, text.Clean(why.Error()))
		}
		c.Foreign += int(records)
	}
	for p := range t.Partitions {
		cursor := s.cursor(t.Name, p)
		cursor.OnUnread(func(u topicreader.Unread) {
			if !u.Open {
				c.Records += int(u.To - u.From)
				foreign(p, u.From, u.To-u.From, u.Reason)
			}
		})
		err := cursor.ReadLast(ctx, tail, func(records []stream.Record) error {
			c.Records += len(records)
			for _, r := range records {
				if err := checkRecord(t.Role, r); err != nil {
					foreign(p, r.Offset, 1, err)
				}
			}
			return nil
		})
		if err != nil {
			return c, err
		}
		if offset, records, err := cursor.Blocked(ctx); err != nil {
			return c, err
		} else if records > 0 {
			c.Open = append(c.Open, Opened{p, offset, records})
		}
	}
	return c, nil
}

// keepOpen drops the transactions that are no longer open.
func (s *session) keepOpen(ctx context.Context, c *Content) error {
	var open []Opened
	for _, o := range c.Open {
		stable, err := s.client.StableEnd(ctx, c.Topic, o.Partition)
		if err != nil {
			return err
		}
		if stable == o.Offset {
			open = append(open, o)
		}
	}
	c.Open = open
	return nil
}
