package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/emostream/emostream/internal/inspect/watermark"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server"
	"github.com/emostream/emostream/server/access"
)

// addGauges registers gauges for whether the server is ready, and for its clock.
func (m *mainServer) addGauges(ctx context.Context) {
	f := promauto.With(m.metrics)
	f.NewGaugeFunc(prometheus.GaugeOpts{Name: "emostream_ready", Help: "1 when reactions can be taken in, as /readyz of the main server says, else 0."}, func() float64 {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if _, err := m.ready(ctx); err != nil {
			return 0
		}
		return 1
	})
	f.NewGaugeFunc(prometheus.GaugeOpts{Name: "emostream_clock_ahead_seconds", Help: "How far the main server's clock is ahead of Kafka's; 0 until it is known."}, func() float64 {
		return m.clock().Seconds()
	})
}

// ready returns why reactions cannot be taken in now, nil if they can. If they can and
// some partitions take none, it returns what is wrong with those.
func (m *mainServer) ready(ctx context.Context) (away []error, err error) {
	switch keys := m.gate.Status(); {
	case keys.Keys > 0 || !m.gate.NeedsToken(access.Send):
	case !keys.Read.IsZero():
		return nil, fmt.Errorf("no token can be checked, because there are no keys for that at %s", keys.Source)
	default:
		return nil, fmt.Errorf("no token can be checked, because the keys at %s have not been read yet: %w", keys.Source, cmp.Or(keys.Err, errors.New("they are being fetched")))
	}
	if err := m.producer.Err(); err != nil {
		return nil, fmt.Errorf("reactions cannot be written to %s: %w", m.names().Reactions(), err)
	}
	if err := m.controls.unread(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := server.CheckSkew(m.clockAhead); err != nil {
		return nil, err
	}
	// However often this is called, Kafka is asked at most once a second.
	if time.Since(m.kafkaAsked) > time.Second {
		m.kafkaAway, m.kafkaErr = m.client.Leaders(ctx, m.names().Reactions())
		m.kafkaAsked = time.Now()
	}
	return m.kafkaAway, m.kafkaErr
}

// watermarksAhead returns what is to be said of partitions whose watermark is ahead.
func (m *mainServer) watermarksAhead() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ahead
}

// followWatermarks finds out which watermarks are ahead of the clock until ctx ends.
func (m *mainServer) followWatermarks(ctx context.Context) error {
	t := time.NewTicker(clockInterval)
	defer t.Stop()
	logged := false
	for {
		if err := m.findAhead(ctx); err != nil && kafka.Permanent(err) && !logged {
			logged = true
			m.log.Warn("the watermarks are not compared with the clock", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// findAhead finds out which watermarks are ahead, as aggregate's commits say.
func (m *mainServer) findAhead(ctx context.Context) error {
	topic := m.names().Reactions()
	partitions, err := m.client.Partitions(ctx, topic)
	if err != nil {
		return err
	}
	found, err := watermark.Find(ctx, m.client, m.group("combine"), topic, partitions, time.Now())
	if err != nil {
		return err
	}
	if err := m.findWindow(ctx, partitions); err != nil {
		return err
	}
	ahead := make([]string, len(found))
	for i, a := range found {
		ahead[i] = a.String()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ahead = ahead
	return nil
}

// findWindow finds out how long a window is, unless that is known, as the first of
// aggregate's commits says that there is.
func (m *mainServer) findWindow(ctx context.Context, partitions int) error {
	for p := 0; p < partitions && m.windowLength() == 0; p++ {
		commit, err := m.client.Committed(ctx, m.group("combine"), m.names().Reactions(), p)
		if err != nil {
			return err
		}
		if meta, ours, err := wire.DecodeCommit[wire.CombinerCommit](commit.Metadata); err == nil && ours {
			m.mu.Lock()
			m.window = time.Duration(meta.WindowMS) * time.Millisecond
			m.mu.Unlock()
		}
	}
	return nil
}

func (m *mainServer) windowLength() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.window
}

// clock returns how far this machine's clock is ahead of Kafka's; 0 until it is known.
func (m *mainServer) clock() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.clockAhead
}

// clockInterval is how often the clocks are compared, and the watermarks with the clock.
const clockInterval = 10 * time.Second

// compareClocks measures how far this machine's clock is ahead of the brokers', until
// ctx ends. This machine's clock decides in which window a reaction is counted. Without
// the topic in which brokers tell the time, as an older installation may be, the server
// goes on, and a wrong clock is not noticed.
func (m *mainServer) compareClocks(ctx context.Context) error {
	t := time.NewTicker(clockInterval)
	defer t.Stop()
	logged := false
	topic := m.layout().ClockTopic()
	for {
		var ahead time.Duration
		var known bool
		err := ensureTopics(ctx, m.client, m.log, topic) // somebody may have deleted it
		if err == nil {
			ahead, known, err = m.client.ClockSkew(ctx, topic.Name)
		}
		if err != nil && kafka.Permanent(err) && !logged {
			logged = true
			m.log.Warn("this machine's clock is not compared with kafka's", "error", err)
		}
		if err == nil && known {
			m.mu.Lock()
			if wrong := server.CheckSkew(ahead); wrong != nil && server.CheckSkew(m.clockAhead) == nil {
				m.log.Warn("not ready", "reason", wrong)
			}
			m.clockAhead = ahead
			m.mu.Unlock()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}
