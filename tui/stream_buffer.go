package tui

import (
	"context"
	"sync"
	"time"

	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/internal/wire"
)

// Bounds of a mailbox.
const (
	maxEvents        = 256 // swarms, and changes of the connection
	handoverInterval = 30 * time.Millisecond
)

// Heard is what the stream said since it was last asked.
type StreamEvents struct {
	Swarms  []wire.Swarm
	Changes []ConnectionChange
	Lost    int // swarms that there was no room for
}

// mailbox stands between the stream and the view, so that a stream that says much
// does not keep keys waiting: the view is handed all that has come at once, and no
// oftener than a frame is drawn. When it is full the oldest goes, and is counted;
// the newest windows say most, and the last change of the connection is the true
// one.
type streamBuffer struct {
	mu     sync.Mutex
	events StreamEvents
	ready  chan struct{} // holds a value when there is mail
}

func newStreamBuffer() *streamBuffer { return &streamBuffer{ready: make(chan struct{}, 1)} }

func (m *streamBuffer) addSwarm(s wire.Swarm) {
	m.add(func(mail *StreamEvents) {
		if len(mail.Swarms) == maxEvents {
			mail.Swarms = mail.Swarms[1:]
			mail.Lost++
		}
		mail.Swarms = append(mail.Swarms, s)
	})
}

func (m *streamBuffer) addChange(l ConnectionChange) {
	m.add(func(mail *StreamEvents) {
		if len(mail.Changes) == maxEvents {
			mail.Changes = mail.Changes[1:]
		}
		mail.Changes = append(mail.Changes, l)
	})
}

func (m *streamBuffer) add(add func(*StreamEvents)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	add(&m.events)
	select {
	case m.ready <- struct{}{}:
	default:
	}
}

func (m *streamBuffer) take() StreamEvents {
	m.mu.Lock()
	defer m.mu.Unlock()
	mail := m.events
	m.events = StreamEvents{}
	return mail
}

// deliver hands mail over until ctx ends.
func (m *streamBuffer) run(ctx context.Context, hand func(StreamEvents)) {
	for {
		select {
		case <-m.ready:
			hand(m.take())
		case <-ctx.Done():
			return
		}
		if sleep.For(ctx, handoverInterval) != nil {
			return
		}
	}
}
