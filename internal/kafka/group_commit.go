package kafka

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/segmentio/kafka-go"

	"github.com/emostream/emostream/internal/stream"
)

// Committed fetches a group's commit of a partition: offset and metadata, from one
// answer. Work on the partition goes on there after a restart. Without a commit the
// offset is stream.None. A commit that was made in a topic of the same name that is gone
// counts as none.
func (c *Client) Committed(ctx context.Context, group, topic string, partition int) (stream.Commit, error) {
	commit, of, err := c.committed(ctx, group, topic, partition)
	if err != nil || of == (topicID{}) {
		return commit, err
	}
	var now identity
	err = c.retry(ctx, func(ctx context.Context) (err error) {
		if now, err = c.identify(ctx, topic); errors.Is(err, kafka.UnknownTopicOrPartition) {
			now, err = identity{}, nil
		}
		return err
	})
	switch {
	case err != nil:
		return commit, fmt.Errorf("id of %s, for the commit of group %s: %w", topic, group, adviseACL(err, "Read or Write", "topic "+topic))
	case now.id != of:
		return stream.Commit{Offset: stream.None}, nil
	}
	return commit, nil
}

// committed does the work of Committed. It also returns the id of the topic in which the
// commit was made; zero: it is not known.
func (c *Client) committed(ctx context.Context, group, topic string, partition int) (commit stream.Commit, of topicID, err error) {
	commit = stream.Commit{Offset: stream.None}
	err = c.retry(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		res, err := c.api.OffsetFetch(ctx, &kafka.OffsetFetchRequest{
			GroupID: group,
			Topics:  map[string][]int{topic: {partition}},
		})
		if err != nil {
			return err
		}
		if errors.Is(res.Error, kafka.GroupIdNotFound) {
			return nil // it has never committed
		}
		if res.Error != nil {
			return res.Error
		}
		for _, p := range res.Topics[topic] {
			if p.Error != nil {
				return p.Error
			}
			if p.Partition == partition && p.CommittedOffset >= 0 {
				commit.Offset = p.CommittedOffset
				commit.Metadata, of = cutTopicID(p.Metadata)
			}
		}
		return nil
	})
	if err != nil {
		return commit, of, fmt.Errorf("fetch commit of group %s for %s/%d: %w", group, topic, partition, adviseACL(err, "Read or Describe", "group "+group))
	}
	return commit, of, nil
}

// The metadata of a commit holds the id of its topic, as the last member of the JSON
// object that the stages write. A commit is of one log; but brokers know it by the
// topic's name alone, and take it even when that name belongs to another topic by then.

// topicIDMember matches that member, and the comma or brace before it.
var topicIDMember = regexp.MustCompile(`[{,]"topic_id":"([\w-]{22})"}$`)

// addTopicID returns metadata with the id of a topic in it. Metadata that is neither empty
// nor a JSON object stays as it is.
func addTopicID(metadata string, id topicID) string {
	object := strings.HasPrefix(metadata, `{"`) && strings.HasSuffix(metadata, "}")
	if id == (topicID{}) || metadata != "" && !object {
		return metadata
	}
	begin := "{"
	if object {
		begin = strings.TrimSuffix(metadata, "}") + ","
	}
	return begin + `"topic_id":"` + id.String() + `"}`
}

// cutTopicID undoes addTopicID. The id is zero if there is none.
func cutTopicID(metadata string) (string, topicID) {
	at := topicIDMember.FindStringSubmatchIndex(metadata)
	if at == nil {
		return metadata, topicID{}
	}
	var id topicID
	_, _ = base64.RawURLEncoding.Decode(id[:], []byte(metadata[at[2]:at[3]])) // the expression lets only this alphabet pass
	if at[0] == 0 {
		return "", id
	}
	return metadata[:at[0]] + "}", id
}

// committer commits the offsets of one partition for one generation of a group.
type committer struct {
	member    *member
	gen       *kafka.Generation
	partition int
}

func (o committer) Commit(ctx context.Context, commit stream.Commit) error {
	m := o.member
	err := m.client.retry(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		res, err := m.client.api.OffsetCommit(ctx, &kafka.OffsetCommitRequest{
			GroupID:      m.group,
			GenerationID: int(o.gen.ID),
			MemberID:     o.gen.MemberID,
			Topics: map[string][]kafka.OffsetCommit{m.topic: {{
				Partition: o.partition, Offset: commit.Offset, Metadata: addTopicID(commit.Metadata, m.was.id),
			}}},
		})
		if err != nil {
			return err
		}
		for _, p := range res.Topics[m.topic] {
			switch {
			case errors.Is(p.Error, kafka.IllegalGeneration), errors.Is(p.Error, kafka.UnknownMemberId),
				errors.Is(p.Error, kafka.RebalanceInProgress), errors.Is(p.Error, kafka.FencedInstanceID):
				return fencedError{p.Error}
			case p.Error != nil:
				return p.Error
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("commit %s/%d of group %s: %w", m.topic, o.partition, m.group, adviseACL(err, "Read", "group "+m.group))
	}
	return nil
}

// fencedError wraps a broker's answer that a claim is over. errors.Is finds
// stream.ErrFenced in it.
type fencedError struct{ error }

func (f fencedError) Is(target error) bool { return target == stream.ErrFenced }

func (f fencedError) Unwrap() error { return f.error }
