package kafka

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// topicID tells a topic from others that have or had its name: a topic that was deleted
// and created again has another id. Brokers before Apache Kafka 2.8 have no ids; then
// it is zero.
type topicID [16]byte

// String returns the id as Kafka's own tools print it.
func (id topicID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// identity is what must not change while a stage works on a topic.
type identity struct {
	id         topicID
	partitions int
}

// anewError says that a topic was deleted and created again since it was first asked
// for. now is what it is now.
type anewError struct {
	topic string
	now   identity
}

func (e *anewError) Error() string { return e.topic + " was deleted and made anew" }

// Versions of requests that carry topic ids.
const (
	metadataWithID = 10
	fetchWithID    = 13
)

// identify asks the brokers once for the id and the number of partitions of a topic. It
// does not ask kafka-go's cache.
func (c *Client) identify(ctx context.Context, topic string) (identity, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	versions, err := c.maxVersions(ctx)
	if err != nil {
		return identity{}, err
	}
	req := &metadataRequest{clientID: c.cfg.ClientID, MetadataRequest: kmsg.NewMetadataRequest()}
	if versions[protocol.Metadata] >= metadataWithID {
		req.atLeast = metadataWithID
	}
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = new(topic)
	req.Topics = []kmsg.MetadataRequestTopic{t}
	res, err := c.transport.RoundTrip(ctx, c.api.Addr, req)
	if err != nil {
		return identity{}, err
	}
	topics := res.(*metadataResponse).Topics
	switch {
	case len(topics) != 1:
		return identity{}, fmt.Errorf("the broker did not answer for %s", topic)
	case topics[0].ErrorCode != 0:
		return identity{}, kafka.Error(topics[0].ErrorCode)
	}
	return identity{topics[0].TopicID, len(topics[0].Partitions)}, nil
}

// waitIdentity waits until a topic exists, and returns what it is.
func (c *Client) waitIdentity(ctx context.Context, topic string) (identity, error) {
	var now identity
	err := c.retry(ctx, func(ctx context.Context) (err error) {
		now, err = c.identify(ctx, topic)
		return err
	})
	if err != nil {
		return now, fmt.Errorf("id of %s: %w", topic, adviseACL(err, "Read or Write", "topic "+topic))
	}
	return now, nil
}

// TopicID returns the id of a topic, which one that is deleted and created again does not
// have any more; empty: the brokers have no ids.
func (c *Client) TopicID(ctx context.Context, topic string) (string, error) {
	now, err := c.waitIdentity(ctx, topic)
	if err != nil || now.id == (topicID{}) {
		return "", err
	}
	return now.id.String(), nil
}

// maxVersions returns the greatest version of each request that the brokers support. It
// asks one of them, once.
func (c *Client) maxVersions(ctx context.Context) (map[protocol.ApiKey]int, error) {
	c.versions.mu.Lock()
	defer c.versions.mu.Unlock()
	if c.versions.max != nil {
		return c.versions.max, nil
	}
	res, err := c.api.ApiVersions(ctx, &kafka.ApiVersionsRequest{})
	if err == nil {
		err = res.Error
	}
	if err != nil {
		return nil, err
	}
	versions := map[protocol.ApiKey]int{}
	for _, k := range res.ApiKeys {
		versions[protocol.ApiKey(k.ApiKey)] = k.MaxVersion
	}
	c.versions.max = versions
	return versions, nil
}

// fetchesByID returns whether the brokers take a topic's id in a fetch. It returns false
// before the topic was asked for.
func (c *Client) fetchesByID() bool {
	c.versions.mu.Lock()
	defer c.versions.mu.Unlock()
	return c.versions.max[protocol.Fetch] >= fetchWithID
}

// mayBeAnew returns whether a broker's answer can mean that a topic was made anew.
func mayBeAnew(err error) bool {
	return errors.Is(err, kafka.UnknownTopicID) || errors.Is(err, kafka.InconsistentTopicID) || errors.Is(err, kafka.UnknownTopicOrPartition) ||
		is[*protocol.TopicError](err) || is[*protocol.TopicPartitionError](err)
}
