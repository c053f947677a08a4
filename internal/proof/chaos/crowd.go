package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/emostream/emostream/internal/emoji"
	"github.com/emostream/emostream/internal/sleep"
)

const (
	// answerTime is how long a client waits for an answer: longer than a server
	// that is alive ever takes (five seconds).
	answerTime = 7 * time.Second
	// comeBack is how long a client waits after a tap that was refused.
	comeBack = 100 * time.Millisecond
)

// crowd taps at a steady rate, over a number of connections that each have one
// tap under way. Every tap has a user id of its own, and its outcome goes into the
// ledger. Taps that were due while a connection waited are not made up for.
type crowd struct {
	servers     []string // base URLs; connections and retries take turns
	rate        int      // taps a second, of all connections
	connections int
	ledger      *Ledger
	failed      func(error) // is told of answers that no fault explains
}

// run taps until ctx ends, and then waits for the answers under way.
func (c *crowd) run(ctx context.Context) {
	interval := time.Duration(c.connections) * time.Second / time.Duration(c.rate)
	var all sync.WaitGroup
	for i := range c.connections {
		all.Go(func() {
			if sleep.For(ctx, interval*time.Duration(i)/time.Duration(c.connections)) != nil {
				return
			}
			hand := hand{crowd: c, number: i, client: &http.Client{
				Timeout:   answerTime,
				Transport: &http.Transport{MaxIdleConnsPerHost: 1},
			}}
			hand.run(ctx, interval)
		})
	}
	all.Wait()
}

// hand is one connection of a crowd.
type hand struct {
	*crowd
	number int
	client *http.Client
	taps   int
}

func (h *hand) run(ctx context.Context, interval time.Duration) {
	defer h.client.CloseIdleConnections()
	due := time.NewTicker(interval) // which forgets what nobody takes
	defer due.Stop()
	for ctx.Err() == nil {
		h.tap(ctx)
		select {
		case <-due.C:
		case <-ctx.Done():
		}
	}
}

// tap sends one reaction to the connection's server; as long as it is certainly
// not written again, as another one, to the next.
func (h *hand) tap(ctx context.Context) {
	for server := h.number; ; server++ {
		t := Tap{
			ID: fmt.Sprintf("c%d-%06d", h.number, h.taps), Emoji: nthEmoji(h.taps),
			Server: h.servers[server%len(h.servers)], Sent: time.Now(),
		}
		h.taps++
		h.send(context.WithoutCancel(ctx), &t)
		h.ledger.Enter(t)
		if t.Outcome != NotWritten && t.Outcome != NeverSent || sleep.For(ctx, comeBack) != nil {
			return
		}
	}
}

// nthEmoji is what a connection sends as its nth reaction.
func nthEmoji(n int) string {
	kinds := emoji.Favourites()
	return kinds[n%len(kinds)]
}

// send sends a tap and notes how that ended.
func (h *hand) send(ctx context.Context, t *Tap) {
	body := fmt.Sprintf(`{"user_id":%q,"emoji_type":%q,"timestamp":%q}`, t.ID, t.Emoji, t.Sent.UTC().Format(time.RFC3339Nano))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.Server+"/send_emoji", strings.NewReader(body))
	if err != nil {
		h.failed(err)
		return
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := h.client.Do(req)
	if err != nil {
		t.Outcome, t.Answer = InDoubt, err.Error()
		if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
			t.Outcome = NeverSent
		}
		return
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 4<<10))
	t.Answer = fmt.Sprintf("%d %s", res.StatusCode, strings.TrimSpace(string(answer)))
	var said struct{ Code string }
	_ = json.Unmarshal(answer, &said) // what is no JSON has no code
	switch {
	case res.StatusCode == http.StatusOK:
		t.Outcome = Acknowledged
	case res.StatusCode == http.StatusServiceUnavailable && (said.Code == "not_written" || said.Code == "overloaded"):
		t.Outcome = NotWritten
	case res.StatusCode == http.StatusServiceUnavailable && said.Code == "in_doubt", err != nil:
		t.Outcome = InDoubt
	default:
		t.Outcome = InDoubt
		h.failed(fmt.Errorf("%s was answered with %s", t.ID, t.Answer))
	}
}
