package loadgen

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/emostream/emostream/loadgen/report"
)

// manner is how a listener behaves. Only attentive listeners have a share in the books,
// in what was missing and in latencies. The others hold a connection, as some clients of a
// public server do, and the run counts whether the server bears with them. One whose
// connection the server ends does not come back.
type manner uint8

const (
	attentive manner = iota // it reads what comes, when it comes
	slow                    // it reads so many bytes a second
	stalled                 // it asks for a stream and never reads
	mute                    // it connects and never asks for anything
	manners                 // how many there are
)

// ParseSlow reads how many listeners read slowly, and how many bytes a second each, as in
// 100:1000. If s is empty, there are none.
func ParseSlow(s string) (listeners, pace int, err error) {
	if s == "" {
		return 0, 0, nil
	}
	n, bytes, _ := strings.Cut(s, ":")
	listeners, errN := strconv.Atoi(strings.TrimSpace(n))
	pace, errB := strconv.Atoi(strings.TrimSpace(bytes))
	switch {
	case errN != nil || errB != nil || listeners < 0 || pace < 1:
		return 0, 0, fmt.Errorf("slow %.40q: want a number of listeners and how many bytes a second each reads, at least 1, as in 100:1000", s)
	case listeners > maxDawdlers || pace > maxPace:
		return 0, 0, fmt.Errorf("slow %.40q: up to %d listeners and %d bytes a second are allowed", s, maxDawdlers, maxPace)
	}
	return listeners, pace, nil
}

// Limits of listeners that are not attentive.
const (
	maxDawdlers = 10_000
	maxPace     = 1 << 30
)

// beginDawdling lets a listener that is not attentive hold its connection until settle is
// called or the server ends it. The caller holds a.mu.
func (a *audience) beginDawdling(l *listener) {
	if a.settled {
		_ = l.conn.Close()
		return
	}
	a.dawdling.Go(func() {
		ended := l.dawdle(a.pace, a.settling)
		a.mu.Lock()
		defer a.mu.Unlock()
		if ended {
			a.borne[l.manner].Ended++
			_ = l.conn.Close()
		} else {
			a.borne[l.manner].Kept++
		}
	})
}

// settle finds out which listeners that are not attentive the server has ended by now, and
// returns it by manner.
func (a *audience) settle() [manners]report.Borne {
	a.mu.Lock()
	a.settled = true
	close(a.settling)
	for l := range a.listeners {
		if l.manner == mute && l.conn != nil {
			_ = l.conn.SetReadDeadline(time.Unix(1, 0)) // wakes it
		}
	}
	a.mu.Unlock()
	a.dawdling.Wait()
	return a.borne
}

// borneOf returns what became of listeners of one manner; nil: there were to be none.
func borneOf(b report.Borne, wanted int) *report.Borne {
	if wanted == 0 {
		return nil
	}
	b.Wanted = wanted
	return &b
}

// dawdle holds the connection in the listener's manner until settling is closed. It
// returns whether the server has ended the stream, or a connection on which nothing was
// asked.
func (l *listener) dawdle(pace int, settling <-chan struct{}) (ended bool) {
	if l.take(l.early) != nil {
		return true
	}
	l.early = nil
	switch l.manner {
	case slow:
		if l.readAtPace(pace, settling) != nil {
			return true
		}
	case mute:
		for {
			if _, err := l.conn.Read(l.wakeBuffer[:]); err != nil { // what it is told, such as a 408, says nothing yet
				if !errors.Is(err, os.ErrDeadlineExceeded) {
					return true
				}
				break
			}
		}
	default:
		<-settling
	}
	return l.readRest() != nil
}

// readsPerSecond is how often a slow listener reads, unless its pace is slower.
const readsPerSecond = 4

// readAtPace reads so many bytes a second until settling is closed or the stream ends.
func (l *listener) readAtPace(pace int, settling <-chan struct{}) error {
	const every = time.Second / readsPerSecond
	tick := time.NewTicker(every)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-settling:
			return nil
		case <-tick.C:
		}
		_ = l.conn.SetReadDeadline(time.Now().Add(every)) // if it fails, the read fails too
		for left := pace*(n+1)/readsPerSecond - pace*n/readsPerSecond; left > 0; {
			got, err := l.conn.Read(l.wakeBuffer[:min(left, len(l.wakeBuffer))])
			left -= got
			if ended := l.take(l.wakeBuffer[:got]); ended != nil {
				return ended
			}
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				return err
			}
		}
	}
}

// How long readRest reads.
const (
	quietRest = 500 * time.Millisecond // since something came last
	wholeRest = 3 * time.Second
)

// readRest reads what waits on the connection, behind which the end would be, and returns
// an error if the stream has ended.
func (l *listener) readRest() error {
	for end := time.Now().Add(wholeRest); ; {
		_ = l.conn.SetReadDeadline(earlier(end, time.Now().Add(quietRest)))
		n, err := l.conn.Read(l.wakeBuffer[:])
		if ended := l.take(l.wakeBuffer[:n]); ended != nil {
			return ended
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case err != nil:
			return err
		}
	}
}

// take takes in bytes of a body of which only the end matters. It returns an error if the
// body has ended.
func (l *listener) take(b []byte) error {
	if !l.isChunked {
		return nil
	}
	if _, _, err := l.chunks.decode(b); err != nil {
		return err
	}
	return l.ended()
}
