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

// outage logs once that the cluster is away, and once that it is back, however many
// calls notice. The cluster is back when a call has succeeded and no other call is
// trying again. The zero value with a logger is ready to use.
type outage struct {
	log     *slog.Logger
	brokers string

	mu             sync.Mutex
	since          time.Time // zero while there is no outage
	warnedAt       time.Time // when the log last said that the cluster is away
	waiting        int       // calls that try again
	answerWarnedAt time.Time // when the log last said that brokers go on answering with an error
}

// warnInterval is the time between two warnings of the same outage, or of the same
// errors.
const warnInterval = 30 * time.Second

// answerWarnDelay is how long brokers may answer a call with errors before the log says
// so. Some errors pass by themselves, such as that a leader moves.
const answerWarnDelay = 10 * time.Second

// retrying is one call that tries again until it succeeds.
type retrying struct {
	outage  *outage
	began   time.Time // when it first failed
	waiting bool      // whether it is among outage.waiting
}

// failed notes an attempt that failed and after which the call tries again.
func (c *retrying) failed(err error) {
	o, now := c.outage, time.Now()
	if c.began.IsZero() {
		c.began = now
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if !unreachable(err) {
		if now.Sub(c.began) < answerWarnDelay || now.Sub(o.answerWarnedAt) < warnInterval {
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
	} else if now.Sub(o.warnedAt) < warnInterval {
		return
	}
	o.warnedAt = now
	o.log.Warn("waiting for kafka", "brokers", o.brokers, "since", o.since.Format(time.TimeOnly), "error", withoutFunctions(err))
}

// end notes that the call has ended, and whether it succeeded. A second call of end
// changes nothing.
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

// unreachable returns whether an error means that a broker could not be reached or did
// not answer. It returns false if a broker answered with an error.
func unreachable(err error) bool {
	answered := is[kafka.Error](err) // a kafka.Error is a net.Error too
	return !answered && is[net.Error](err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, context.DeadlineExceeded)
}

// withoutFunctions returns the text of an error without the names of kafka-go's
// functions.
func withoutFunctions(err error) string {
	return functions.ReplaceAllString(err.Error(), "")
}

var functions = regexp.MustCompile(`kafka\.\(\*Client\)\.\w+: `)
