package kafka

import (
	"context"

	"github.com/emostream/emostream/internal/stream"
)

// Waiting is how many Appends wait for a batch.
func (p *Producer) Waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.waiting)
}

// ProduceAs writes records to partition 0 as an idempotent producer would that
// has come to a sequence.
func (c *Client) ProduceAs(ctx context.Context, topic string, records []stream.Record, id int64, epoch int16, sequence int32) error {
	return c.produce(ctx, topic, 0, encode(records, producerID{id, epoch}, sequence))
}

// Decoder takes record batches apart as a reader does.
type Decoder struct{ d decoder }

// Decode is what a reader makes of an answer to a fetch from offset on.
func (d *Decoder) Decode(batches []byte, offset int64) (records []stream.Record, next int64, err error) {
	return d.d.decode(batches, offset)
}
