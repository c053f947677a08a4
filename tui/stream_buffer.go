package tui

import (
	"context"
	"sync"
	"time"

	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/internal/wire"
)

// Bounds of a streamBuffer.
const (
	maxEvents        = 256 // swarms, and the same number of changes of the connection
	handoverInterval = 30 * time.Millisecond
)

// StreamEvents are the events of the stream since the last handover.
type StreamEvents struct {
	Swarms  []wire.Swarm
	Changes []ConnectionChange
	Channel *wire.ChannelState // the last that was told; nil: none was
	Lost    int                // how many swarms were dropped for lack of room
}

// streamBuffer collects the events of the stream and hands them to the view together,
// at most once in each handoverInterval. So a fast stream does not delay keys. When the
// buffer is full, the oldest event is dropped; dropped swarms are counted.
type streamBuffer struct {
	mu     sync.Mutex
	events StreamEvents
	ready  chan struct{} // holds a value while there are events
}

func newStreamBuffer() *streamBuffer { return &streamBuffer{ready: make(chan struct{}, 1)} }

func (b *streamBuffer) addSwarm(s wire.Swarm) {
	b.add(func(events *StreamEvents) {
		if len(events.Swarms) == maxEvents {
			events.Swarms = events.Swarms[1:]
			events.Lost++
		}
		events.Swarms = append(events.Swarms, s)
	})
}

func (b *streamBuffer) addChange(c ConnectionChange) {
	b.add(func(events *StreamEvents) {
		if len(events.Changes) == maxEvents {
			events.Changes = events.Changes[1:]
		}
		events.Changes = append(events.Changes, c)
	})
}

func (b *streamBuffer) setChannel(s wire.ChannelState) {
	b.add(func(events *StreamEvents) { events.Channel = &s })
}

func (b *streamBuffer) add(change func(*StreamEvents)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(&b.events)
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

func (b *streamBuffer) take() StreamEvents {
	b.mu.Lock()
	defer b.mu.Unlock()
	events := b.events
	b.events = StreamEvents{}
	return events
}

// run passes the events to handOver until ctx ends.
func (b *streamBuffer) run(ctx context.Context, handOver func(StreamEvents)) {
	for {
		select {
		case <-b.ready:
			handOver(b.take())
		case <-ctx.Done():
			return
		}
		if sleep.For(ctx, handoverInterval) != nil {
			return
		}
	}
}
