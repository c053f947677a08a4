package ingest

import (
	"context"
	"net/http"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
)

// chunk collects reactions until there are enough to append at once, and tells
// done the outcome of each by its number.
//
// When the log does not take one, the request is not kept waiting for the others
// to fail one by one: nothing more of it is offered to the log.
type chunk struct {
	handler *Handler
	from    uint64 // the key of the client's address, for quotas
	done    func(number int, at int64, p *httpserve.Refusal)
	lost    *httpserve.Refusal // why the log did not take what it was offered last

	numbers []int
	batch   batch
	at      time.Time
}

func (c *chunk) refuse(number int, p *httpserve.Refusal) {
	c.handler.refused.WithLabelValues(p.Code).Inc()
	c.done(number, 0, p)
}

func (c *chunk) add(ctx context.Context, number int, b []byte) {
	one, problem := c.handler.parse(b, c.from)
	if problem == nil && c.lost != nil {
		problem = &httpserve.Refusal{
			Status: http.StatusServiceUnavailable, Code: "not_written", RetryAfter: time.Second,
			Message: "the reaction was not written, because kafka did not take those before it: send it again after a second",
		}
	}
	if problem != nil {
		c.refuse(number, problem)
		return
	}
	if len(c.batch.records) == 0 {
		c.at = time.Now()
	}
	c.batch.add(one, c.at.UnixMilli())
	c.numbers = append(c.numbers, number)
	if len(c.batch.records) >= chunkRecords || c.batch.bytes >= chunkBytes {
		c.flush(ctx)
	}
}

func (c *chunk) flush(ctx context.Context) {
	if len(c.batch.records) == 0 {
		return
	}
	if err := c.handler.append(ctx, c.batch.records, c.at); err != nil {
		c.lost = logProblem(err)
	}
	for _, number := range c.numbers {
		if c.lost != nil {
			c.refuse(number, c.lost)
		} else {
			c.done(number, c.at.UnixMilli(), nil)
		}
	}
	c.numbers = c.numbers[:0]
	c.batch.reset()
}
