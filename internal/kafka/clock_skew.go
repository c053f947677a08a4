package kafka

import (
	"context"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/emostream/emostream/internal/stream"
)

// ClockSkew measures how far this machine's clock is ahead of a broker's; negative: it
// is behind. The error of the measurement is at most half the time of the request.
//
// It writes a record to the first partition of a topic on which the broker sets the
// records' time (message.timestamp.type=LogAppendTime). The answer holds that time. If the
// broker does not set the time, known is false. The embedded broker does not, and its
// clock is this machine's.
func (c *Client) ClockSkew(ctx context.Context, topic string) (ahead time.Duration, known bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	before := time.Now()
	probe := []stream.Record{{Time: before.UnixMilli(), Key: []byte("clock")}}
	res, err := c.api.RawProduce(ctx, &kafka.RawProduceRequest{
		Topic:        topic,
		RequiredAcks: kafka.RequireAll,
		RawRecords:   rawRecords(encodeBatch(probe, noProducerID(), -1)),
	})
	if err == nil {
		err = res.Error
	}
	if err != nil || res.LogAppendTime.UnixMilli() <= 0 {
		return 0, false, adviseACL(c.orForbidden(ctx, topic, err), "Write", "topic "+topic)
	}
	took := time.Since(before)
	return before.Add(took / 2).Sub(res.LogAppendTime), true, nil
}
