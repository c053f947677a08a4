package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emostream/emostream/internal/emoji"
	"github.com/emostream/emostream/internal/sleep"
)

const (
	// answerTimeout is how long a client waits for an answer: longer than a server
	// that is alive ever takes (five seconds).
	answerTimeout = 7 * time.Second
	// resendDelay is how long a client waits after a reaction that was refused.
	resendDelay = 100 * time.Millisecond
)

// clients send reactions at a steady rate, over a number of connections. Each
// connection has at most one request in flight. Every reaction has a user id of its
// own, and is added to sent with its outcome. While a connection waits for an answer,
// it skips the reactions that it should have sent in that time.
type clients struct {
	servers     []string // base URLs; connections and retries take turns
	rate        int      // reactions a second, of all connections
	connections int
	sent        *SentReactions
	failed      func(error) // called for answers that no fault explains
	keys        *keys       // nil: clients show no tokens
}

// run sends until ctx ends, and then waits for the answers that are still to come.
func (c *clients) run(ctx context.Context) {
	interval := time.Duration(c.connections) * time.Second / time.Duration(c.rate)
	var all sync.WaitGroup
	for i := range c.connections {
		all.Go(func() {
			if sleep.For(ctx, interval*time.Duration(i)/time.Duration(c.connections)) != nil {
				return
			}
			client := client{clients: c, number: i, http: &http.Client{
				Timeout:   answerTimeout,
				Transport: &http.Transport{MaxIdleConnsPerHost: 1},
			}}
			client.run(ctx, interval)
		})
	}
	all.Wait()
}

// client is one connection of the clients.
type client struct {
	*clients
	number int
	http   *http.Client
	next   int // the number of its next reaction
}

func (c *client) run(ctx context.Context, interval time.Duration) {
	defer c.http.CloseIdleConnections()
	due := time.NewTicker(interval) // it drops ticks while nobody waits for one
	defer due.Stop()
	for ctx.Err() == nil {
		c.sendOne(ctx)
		select {
		case <-due.C:
		case <-ctx.Done():
		}
	}
}

// sendOne sends a reaction to the client's server. As long as the reaction is
// certainly not written, it sends another one to the next server.
func (c *client) sendOne(ctx context.Context) {
	for server := c.number; ; server++ {
		r := SentReaction{
			ID: fmt.Sprintf("c%d-%06d", c.number, c.next), Emoji: nthEmoji(c.next),
			Server: c.servers[server%len(c.servers)], Sent: time.Now(),
		}
		c.next++
		c.send(context.WithoutCancel(ctx), &r)
		c.sent.Add(r)
		if r.Outcome != NotWritten && r.Outcome != NeverSent || sleep.For(ctx, resendDelay) != nil {
			return
		}
	}
}

// nthEmoji returns the emoji of a client's nth reaction.
func nthEmoji(n int) string {
	kinds := emoji.Favourites()
	return kinds[n%len(kinds)]
}

// send sends a reaction and sets its outcome.
func (c *client) send(ctx context.Context, r *SentReaction) {
	body := fmt.Sprintf(`{"user_id":%q,"emoji_type":%q,"timestamp":%q}`, r.ID, r.Emoji, r.Sent.UTC().Format(time.RFC3339Nano))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.Server+"/send_emoji", strings.NewReader(body))
	if err != nil {
		c.failed(err)
		return
	}
	req.Header.Set("Content-Type", "application/json")
	if c.keys != nil {
		bearer, err := c.keys.bearer()
		if err != nil {
			c.failed(err)
			return
		}
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	res, err := c.http.Do(req)
	if err != nil {
		r.Outcome, r.Answer = InDoubt, err.Error()
		if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
			r.Outcome = NeverSent
		}
		return
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 4<<10))
	r.Answer = fmt.Sprintf("%d %s", res.StatusCode, strings.TrimSpace(string(answer)))
	var problem struct{ Code string }
	_ = json.Unmarshal(answer, &problem) // an answer that is no JSON has no code
	switch {
	case res.StatusCode == http.StatusOK:
		r.Outcome = Acknowledged
	case res.StatusCode == http.StatusServiceUnavailable && (problem.Code == "not_written" || problem.Code == "overloaded"):
		r.Outcome = NotWritten
	case c.keys != nil && (res.StatusCode == http.StatusUnauthorized || problem.Code == "keys_unavailable"):
		r.Outcome = NotWritten // a server that was paused has not read the new key yet, or the token ran out on the way
	case res.StatusCode == http.StatusForbidden && slices.Contains([]string{"paused", "banned", "hidden_emoji"}, problem.Code):
		r.Outcome = NotWritten
	case res.StatusCode == http.StatusServiceUnavailable && problem.Code == "in_doubt", err != nil:
		r.Outcome = InDoubt
	default:
		r.Outcome = InDoubt
		c.failed(fmt.Errorf("%s was answered with %s", r.ID, r.Answer))
	}
}
