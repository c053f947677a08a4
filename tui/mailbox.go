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
	mostMail  = 256 // swarms, and changes of the connection
	mailPause = 30 * time.Millisecond
)

// Heard is what the stream said since it was last asked.
type Heard struct {
	Swarms []wire.Swarm
	Links  []Link
	Lost   int // swarms that there was no room for
}

// mailbox stands between the stream and the view, so that a stream that says much
// does not keep keys waiting: the view is handed all that has come at once, and no
// oftener than a frame is drawn. When it is full the oldest goes, and is counted;
// the newest windows say most, and the last change of the connection is the true
// one.
type mailbox struct {
	mu   sync.Mutex
	mail Heard
	bell chan struct{} // holds a value when there is mail
}

func newMailbox() *mailbox { return &mailbox{bell: make(chan struct{}, 1)} }

func (m *mailbox) swarm(s wire.Swarm) {
	m.put(func(mail *Heard) {
		if len(mail.Swarms) == mostMail {
			mail.Swarms = mail.Swarms[1:]
			mail.Lost++
		}
		mail.Swarms = append(mail.Swarms, s)
	})
}

func (m *mailbox) link(l Link) {
	m.put(func(mail *Heard) {
		if len(mail.Links) == mostMail {
			mail.Links = mail.Links[1:]
		}
		mail.Links = append(mail.Links, l)
	})
}

func (m *mailbox) put(add func(*Heard)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	add(&m.mail)
	select {
	case m.bell <- struct{}{}:
	default:
	}
}

func (m *mailbox) take() Heard {
	m.mu.Lock()
	defer m.mu.Unlock()
	mail := m.mail
	m.mail = Heard{}
	return mail
}

// deliver hands mail over until ctx ends.
func (m *mailbox) deliver(ctx context.Context, hand func(Heard)) {
	for {
		select {
		case <-m.bell:
			hand(m.take())
		case <-ctx.Done():
			return
		}
		if sleep.For(ctx, mailPause) != nil {
			return
		}
	}
}
