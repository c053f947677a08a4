package kafka

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// absent says why a topic is not among those of the cluster: there is none of that
// name, or we may not see it. Brokers leave out of a list of all topics those that a
// client may not describe, and say so only when asked for one by its name; kafka-go's
// metadata are always such a list.
func (c *Client) missingTopicError(ctx context.Context, topic string) error {
	req := &metadataRequest{clientID: c.cfg.ClientID, MetadataRequest: kmsg.NewMetadataRequest()}
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = new(topic)
	req.Topics = []kmsg.MetadataRequestTopic{t}
	res, err := c.transport.RoundTrip(ctx, c.api.Addr, req)
	if err != nil {
		return err
	}
	for _, t := range res.(*metadataResponse).Topics {
		if code := kafka.Error(t.ErrorCode); errors.Is(code, kafka.TopicAuthorizationFailed) {
			return code
		}
	}
	return kafka.UnknownTopicOrPartition
}

// unseen puts in the place of an error by which kafka-go knows nothing of a topic that
// we may not see it, if that is so.
func (c *Client) orForbidden(ctx context.Context, topic string, err error) error {
	if !is[*protocol.TopicError](err) && !errors.Is(err, kafka.UnknownTopicOrPartition) {
		return err
	}
	if why := c.missingTopicError(ctx, topic); errors.Is(why, kafka.TopicAuthorizationFailed) {
		return why
	}
	return err
}

// named asks for the metadata of topics by their names. It is an exchange of its own,
// as fetch is, since kafka-go would answer from what it remembers.
type metadataRequest struct {
	clientID string
	kmsg.MetadataRequest
}

// names is the answer to named.
type metadataResponse struct{ kmsg.MetadataResponse }

func (n *metadataRequest) ApiKey() protocol.ApiKey { return protocol.Metadata } //nolint:revive // its name in protocol.Message

func (n *metadataResponse) ApiKey() protocol.ApiKey { return protocol.Metadata } //nolint:revive // its name in protocol.Message

// Prepare is told the version that kafka-go has agreed on with the broker.
func (n *metadataRequest) Prepare(version int16) { n.Version = version }

// Required says that RawExchange is wanted, whatever the broker.
func (n *metadataRequest) Required(map[protocol.ApiKey]int16) bool { return true }

// RawExchange sends the request and reads the answer.
func (n *metadataRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	var buf bytes.Buffer
	if err := exchange(rw, n.clientID, n, &buf); err != nil {
		return nil, err
	}
	res := new(metadataResponse)
	res.Version = n.Version
	return res, res.ReadFrom(buf.Bytes())
}
