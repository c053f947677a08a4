package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/emostream/emostream/internal/wire"
)

// existing asks once which brokers there are, and which topics. The value of a topic is
// false if the brokers answered for it with an error.
func (c *Client) existing(ctx context.Context) (brokers brokerSet, topics map[string]bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	m, err := c.api.Metadata(ctx, &kafka.MetadataRequest{})
	if err != nil {
		return brokers, nil, err
	}
	topics = map[string]bool{}
	for _, t := range m.Topics {
		topics[t.Name] = t.Error == nil
	}
	return brokerSet{len(m.Brokers), m.ClusterID == wire.EmbeddedClusterID}, topics, nil
}

// brokerSet is what the creation of topics must know of the brokers.
type brokerSet struct {
	count    int
	embedded bool
}

// Topics asks once for the names of all topics that this client may see, and returns
// them sorted.
func (c *Client) Topics(ctx context.Context) ([]string, error) {
	_, have, err := c.existing(ctx)
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	return slices.Sorted(maps.Keys(have)), nil
}

// Partitions waits until a topic exists, and returns how many partitions it has.
func (c *Client) Partitions(ctx context.Context, topic string) (int, error) {
	n := 0
	err := c.retry(ctx, func(ctx context.Context) error {
		t, err := c.topic(ctx, topic)
		n = len(t.Partitions)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("partitions of %s: %w", topic, adviseACL(err, "Read or Write", "topic "+topic))
	}
	return n, nil
}

// topic asks once for the metadata of a topic.
func (c *Client) topic(ctx context.Context, name string) (kafka.Topic, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	m, err := c.api.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{name}})
	if err != nil {
		return kafka.Topic{}, err
	}
	for _, t := range m.Topics {
		if t.Name == name {
			if t.Error != nil {
				return t, t.Error
			}
			return t, nil
		}
	}
	return kafka.Topic{}, c.missingTopicError(ctx, name)
}

// TopicState is a topic as its brokers describe it.
type TopicState struct {
	Name        string            `json:"name"`
	Exists      bool              `json:"exists"`
	Hidden      bool              `json:"hidden,omitempty"` // this client may not know whether it exists
	Partitions  int               `json:"partitions"`
	Replication int               `json:"replication"`
	Leaderless  int               `json:"leaderless"` // partitions without a leader
	UnderISR    int               `json:"under_replicated"`
	Config      map[string]string `json:"config"` // empty if this client may not see it
}

// Forbidden returns an error if this client may not see the topic, else nil.
func (t TopicState) Forbidden() error {
	if !t.Hidden {
		return nil
	}
	return fmt.Errorf("topic %s: %w", t.Name, adviseACL(kafka.TopicAuthorizationFailed, "Read, or at least Describe,", "topic "+t.Name))
}

// Describe asks once for the state of topics. It is no error if a topic does not exist.
func (c *Client) Describe(ctx context.Context, names ...string) ([]TopicState, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	m, err := c.api.Metadata(ctx, &kafka.MetadataRequest{})
	if err != nil {
		return nil, fmt.Errorf("describe topics: %w", err)
	}
	out := make([]TopicState, len(names))
	var resources []kafka.DescribeConfigRequestResource
	for i, name := range names {
		out[i] = TopicState{Name: name, Config: map[string]string{}}
		at := slices.IndexFunc(m.Topics, func(t kafka.Topic) bool { return t.Name == name && t.Error == nil })
		if at < 0 {
			out[i].Hidden = errors.Is(c.missingTopicError(ctx, name), kafka.TopicAuthorizationFailed)
			continue
		}
		out[i].Exists, out[i].Partitions = true, len(m.Topics[at].Partitions)
		for _, p := range m.Topics[at].Partitions {
			out[i].Replication = len(p.Replicas)
			if p.Leader.Host == "" {
				out[i].Leaderless++
			}
			if len(p.Isr) < len(p.Replicas) {
				out[i].UnderISR++
			}
		}
		resources = append(resources, kafka.DescribeConfigRequestResource{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: name,
		})
	}
	if len(resources) == 0 {
		return out, nil
	}
	err = c.retry(ctx, func(ctx context.Context) error { // a broker may not have heard of a new topic yet
		res, err := c.api.DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{Resources: resources})
		if err != nil {
			return err
		}
		for _, r := range res.Resources {
			if errors.Is(r.Error, kafka.TopicAuthorizationFailed) {
				continue
			}
			if r.Error != nil {
				return fmt.Errorf("%s: %w", r.ResourceName, r.Error)
			}
			at := slices.Index(names, r.ResourceName)
			for _, e := range r.ConfigEntries {
				out[at].Config[e.ConfigName] = e.ConfigValue
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("describe topics: %w", err)
	}
	return out, nil
}

// Leaders asks, once, which partitions of a topic have a leader that answers. It returns
// an error if none has, and otherwise what is wrong with those that have none; nil:
// nothing. It takes two seconds at most.
func (c *Client) Leaders(ctx context.Context, topic string) (away []error, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	t, err := c.topic(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", topic, err)
	}
	away, err = c.askLeaders(ctx, t, func(int) bool { return true })
	if err == nil && len(away) == len(t.Partitions) {
		err = away[0]
	}
	if err != nil {
		return nil, err
	}
	return away, nil
}

// askLeaders asks the leaders of a topic's partitions, as far as they are wanted, for
// their last offsets. It returns what is wrong with those that do not answer.
func (c *Client) askLeaders(ctx context.Context, t kafka.Topic, wanted func(partition int) bool) (away []error, err error) {
	var ask []kafka.OffsetRequest
	for _, p := range t.Partitions {
		switch {
		case !wanted(p.ID):
		case p.Leader.Host == "":
			away = append(away, fmt.Errorf("%s/%d: %w", t.Name, p.ID, kafka.LeaderNotAvailable))
		default:
			ask = append(ask, kafka.LastOffsetOf(p.ID))
		}
	}
	if len(ask) == 0 {
		return away, nil
	}
	res, err := c.api.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{t.Name: ask}})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.Name, err)
	}
	for _, p := range res.Topics[t.Name] {
		if p.Error != nil {
			away = append(away, fmt.Errorf("%s/%d: %w", t.Name, p.Partition, p.Error))
		}
	}
	return away, nil
}

// leaderAnswers asks once whether a partition has a leader that answers.
func (c *Client) leaderAnswers(ctx context.Context, topic string, partition int) error {
	t, err := c.topic(ctx, topic)
	if err != nil {
		return err
	}
	away, err := c.askLeaders(ctx, t, func(p int) bool { return p == partition })
	return errors.Join(append(away, err)...)
}
