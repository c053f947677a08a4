package browser

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/emostream/emostream/internal/sleep"
)

// Taps is a crowd of people who tap without a browser.
type Taps struct {
	stop func()

	mu       sync.Mutex
	accepted map[string]int
	inDoubt  int
	refused  string
}

// Tap lets a crowd tap so many times a second, each emoji in turn, until Stop or until the test ends. It has a hundred
// names.
func (in *Installation) Tap(perSecond int, emojis ...string) *Taps {
	in.tb.Helper()
	const perRound = 100 * time.Millisecond
	ctx, cancel := context.WithCancel(context.WithoutCancel(in.tb.Context()))
	taps, done := &Taps{accepted: map[string]int{}}, make(chan struct{})
	taps.stop = sync.OnceFunc(func() { cancel(); <-done })
	in.tb.Cleanup(taps.stop)
	go func() {
		defer close(done)
		began, sent := time.Now(), 0
		for sleep.For(ctx, perRound) == nil {
			due := int(time.Since(began).Seconds() * float64(perSecond))
			taps.send(context.WithoutCancel(ctx), in.Page, emojis, sent, min(due, sent+perSecond))
			sent = due
		}
	}()
	return taps
}

// send sends the reactions with the numbers from up to and without to in one request.
func (taps *Taps) send(ctx context.Context, server string, emojis []string, from, to int) {
	type reaction struct {
		User  string `json:"user_id"`
		Emoji string `json:"emoji_type"`
	}
	if from >= to {
		return
	}
	const names = 100
	all := make([]reaction, 0, to-from)
	for i := from; i < to; i++ {
		all = append(all, reaction{fmt.Sprintf("tester-%d", i%names), emojis[i%len(emojis)]})
	}
	body, err := json.Marshal(all)
	if err != nil {
		panic(err) // strings can be written
	}
	var said struct {
		Results []struct {
			AcceptedAt string `json:"accepted_at"`
			Error      string
		}
	}
	ctx, cancel := context.WithTimeout(ctx, MaxWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, server+"/v1/reactions", bytes.NewReader(body))
	if err != nil {
		panic(err) // the address is an installation's
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err == nil {
		defer res.Body.Close()
		err = json.NewDecoder(res.Body).Decode(&said)
	}
	taps.mu.Lock()
	defer taps.mu.Unlock()
	if err != nil || len(said.Results) != len(all) {
		taps.inDoubt += len(all)
		return
	}
	for i, r := range said.Results {
		if r.AcceptedAt != "" {
			taps.accepted[all[i].Emoji]++
		} else {
			taps.refused = r.Error
		}
	}
}

// Stop lets the crowd rest, and returns how often each emoji was accepted, how many taps had no clear answer, and why a tap
// was refused, if one was.
func (taps *Taps) Stop() (accepted map[string]int, inDoubt int, refused string) {
	taps.stop()
	taps.mu.Lock()
	defer taps.mu.Unlock()
	return taps.accepted, taps.inDoubt, taps.refused
}
