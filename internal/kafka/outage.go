package kafka

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"regexp"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

// outage tells the log when the cluster goes away, once, and when it is back,
// however many calls notice. It is back when a call has gone well and none is
// left that tries again. The zero value with a logger is ready.
type outage struct {
	log     *slog.Logger
	brokers string

	mu             sync.Mutex
	since          time.Time // zero while all is well
	warnedAt       time.Time
	waiting        int       // calls that try again
	answerWarnedAt time.Time // when it was last said that an answer stays the same
}

// tellAgain is how often a lasting outage is said again.
const repeatInterval = 30 * time.Second

// patience is how long answers that should pass are nobody's business.
const answerWarnDelay = 10 * time.Second

// call is one call that tries again until it goes well.
type retrying struct {
	outage  *outage
	began   time.Time // of the first failure
	waiting bool      // and counted as such by the outage
}

// failed notes a failure after which the call tries again.
func (c *retrying) failed(err error) {
	o, now := c.outage, time.Now()
	if c.began.IsZero() {
		c.began = now
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if !unreachable(err) {
		if now.Sub(c.began) < answerWarnDelay || now.Sub(o.answerWarnedAt) < repeatInterval {
			o.log.Debug("kafka answered with an error, trying again", "error", err)
			return
		}
		o.answerWarnedAt = now
		o.log.Warn("kafka goes on answering with an error", "since", c.began.Format(time.TimeOnly), "error", withoutFunctions(err))
		return
	}
	if !c.waiting {
		c.waiting = true
		o.waiting++
	}
	if o.since.IsZero() {
		o.since = now
	} else if now.Sub(o.warnedAt) < repeatInterval {
		return
	}
	o.warnedAt = now
	o.log.Warn("waiting for kafka", "brokers", o.brokers, "since", o.since.Format(time.TimeOnly), "error", withoutFunctions(err))
}

// end notes the end of the call, and whether it went well. Only the first one
// counts.
func (c *retrying) end(well bool) {
	o := c.outage
	o.mu.Lock()
	defer o.mu.Unlock()
	if c.waiting {
		c.waiting = false
		o.waiting--
	}
	if !well || o.since.IsZero() || o.waiting > 0 {
		return
	}
	o.log.Info("kafka is back", "brokers", o.brokers, "away", time.Since(o.since).Round(time.Millisecond).String())
	o.since = time.Time{}
}

// unreachable says whether err is about the way to a broker rather than an
// answer of one.
func unreachable(err error) bool {
	answered := is[kafka.Error](err) // which is a net.Error too
	return !answered && is[net.Error](err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, context.DeadlineExceeded)
}

// plain is an error without the names of kafka-go's functions.
func withoutFunctions(err error) string {
	return functions.ReplaceAllString(err.Error(), "")
}

var functions = regexp.MustCompile(`kafka\.\(\*Client\)\.\w+: `)
