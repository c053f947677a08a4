package passedover

import (
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// logInterval is the time between two lines about what is passed over in one topic.
const logInterval = time.Second

// Log writes what is passed over, at most a line a second for each topic. What it holds
// back within a second it writes in one line when the second is over. It is safe for
// concurrent use.
//
// Several reporters may share one. If some of them read the same topic, each must read all
// of it: the log listens to the first that tells of the topic, so that nothing is written
// twice.
type Log struct {
	to *slog.Logger

	mu     sync.Mutex
	topics map[string]*topicLog // those with a line within the last second; a process reads few
}

// topicLog is what the log knows of a topic since its last line.
type topicLog struct {
	teller    *Reporter // whom the log listens to
	writtenAt time.Time

	held      int64 // records since the last line
	partition int   // of the last of these, as the rest
	offset    int64
	why       error
}

// NewLog returns a log that writes to a logger.
func NewLog(to *slog.Logger) *Log { return &Log{to: to, topics: map[string]*topicLog{}} }

// add takes in what a reporter tells of records that were passed over, the first of which
// is at offset.
func (l *Log) add(teller *Reporter, topic string, partition int, offset, records int64, why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t, ok := l.topics[topic]
	if !ok {
		t = &topicLog{teller: teller}
		l.topics[topic] = t
	}
	if t.teller != teller {
		return // that one comes to these records, too
	}
	t.held += records
	t.partition, t.offset, t.why = partition, offset, why
	if now := time.Now(); now.Sub(t.writtenAt) >= logInterval {
		l.write(topic, t, now)
	}
}

// writeDue writes what was held back for a second.
func (l *Log) writeDue() {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for topic, t := range l.topics {
		switch {
		case now.Sub(t.writtenAt) < logInterval:
		case t.held > 0:
			l.write(topic, t, now)
		default:
			delete(l.topics, topic)
		}
	}
}

// write writes a line. The reason may quote the record, which is foreign and may be long.
// The caller holds l.mu.
func (l *Log) write(topic string, t *topicLog, now time.Time) {
	l.to.Warn("records were passed over", "records", t.held, "topic", topic, "partition", t.partition, "offset", t.offset, "error", fmt.Sprintf("%.300s", t.why.Error()))
	t.writtenAt, t.held, t.why = now, 0, nil
}
