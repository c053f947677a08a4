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

// missingTopicError asks why a list of the cluster's topics lacks one. It returns
// UnknownTopicOrPartition if the topic does not exist, and TopicAuthorizationFailed if
// this client may not see it. kafka-go always asks for all topics, and brokers leave
// those out that a client may not describe. They tell the two cases apart only when
// they are asked for a topic by its name.
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

// orForbidden returns err. But if err says that the topic is unknown, and this client
// only may not see it, it returns TopicAuthorizationFailed.
func (c *Client) orForbidden(ctx context.Context, topic string, err error) error {
	if !NoTopic(err) {
		return err
	}
	if why := c.missingTopicError(ctx, topic); errors.Is(why, kafka.TopicAuthorizationFailed) {
		return why
	}
	return err
}

// NoTopic returns whether an error says that a topic does not exist.
func NoTopic(err error) bool {
	return errors.Is(err, kafka.UnknownTopicOrPartition) || is[*protocol.TopicError](err)
}

// metadataRequest asks for the metadata of topics by their names. It exchanges bytes
// with the broker itself, as fetchRequest does, since kafka-go would answer from its
// cache.
type metadataRequest struct {
	clientID string
	atLeast  int16 // the version; the brokers must support it
	kmsg.MetadataRequest
}

// metadataResponse is the answer to a metadataRequest.
type metadataResponse struct{ kmsg.MetadataResponse }

func (r *metadataRequest) ApiKey() protocol.ApiKey { return protocol.Metadata } //nolint:revive // its name in protocol.Message

func (r *metadataResponse) ApiKey() protocol.ApiKey { return protocol.Metadata } //nolint:revive // its name in protocol.Message

// Prepare sets the version: the one that kafka-go has agreed on with the broker, or
// atLeast.
func (r *metadataRequest) Prepare(version int16) { r.Version = max(version, r.atLeast) }

// Required tells kafka-go to call RawExchange, whatever the broker supports.
func (r *metadataRequest) Required(map[protocol.ApiKey]int16) bool { return true }

// RawExchange sends the request and reads the answer.
func (r *metadataRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	var buf bytes.Buffer
	if err := exchange(rw, r.clientID, r, &buf); err != nil {
		return nil, err
	}
	res := new(metadataResponse)
	res.Version = r.Version
	return res, res.ReadFrom(buf.Bytes())
}
