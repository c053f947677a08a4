package hostile

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/emostream/emostream/internal/emoji"
	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/internal/wire"
)

const (
	people        = 200                    // who tap, and as many who listen
	tapInterval   = 500 * time.Millisecond // of each of them
	answerTimeout = 5 * time.Second
	minStay       = 4 * time.Second // how long a listener stays before it leaves and joins again
	maxStay       = 8 * time.Second
	joinAgain     = 500 * time.Millisecond  // after a join that failed
	showTimeout   = 1500 * time.Millisecond // after a window's end; later it is not shown in time
	windowLength  = 2 * time.Second
)

// observation is something that a well-behaved client tried at a time.
type observation struct {
	at   time.Time
	took time.Duration
	ok   bool
}

// crowd is the well-behaved clients. Each has an address of its own.
type crowd struct {
	network Network
	main    string // base URL of the main server

	mu    sync.Mutex
	taps  []observation // at is when a tap was due
	joins []observation
	shown []observation  // at is when a window ended, ok whether a listener was shown it in time
	wrong map[string]int // answers that were no success
}

// run lets them tap and listen until ctx ends.
func (c *crowd) run(ctx context.Context) {
	c.wrong = map[string]int{}
	var all sync.WaitGroup
	for i := range people {
		all.Go(func() { c.tapOn(ctx, i) })
		all.Go(func() { c.listenOn(ctx, i) })
	}
	all.Wait()
}

// client returns an HTTP client of the nth person.
func (c *crowd) client(nth int) *http.Client {
	address := c.network.Person(nth)
	return &http.Client{Transport: &personTransport{address: address, Transport: &http.Transport{
		DialContext: address.Dialer().DialContext, MaxIdleConnsPerHost: 1, ResponseHeaderTimeout: answerTimeout,
	}}}
}

// personTransport sends the header that tells a person's address where connections do not.
type personTransport struct {
	*http.Transport
	address Address
}

func (t *personTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.address.Forwarded {
		r = r.Clone(r.Context())
		r.Header.Set("X-Forwarded-For", t.address.IP.String())
	}
	return t.Transport.RoundTrip(r)
}

// tapOn taps at a steady pace. A tap is due whether the one before was answered in time or
// not, and its time counts from when it was due.
func (c *crowd) tapOn(ctx context.Context, nth int) {
	client := c.client(nth)
	defer client.CloseIdleConnections()
	kinds := emoji.Favourites()
	due := time.Now().Add(tapInterval * time.Duration(nth) / people)
	for ; sleep.Until(ctx, due) == nil; due = due.Add(tapInterval) {
		body := fmt.Sprintf(`{"user_id":"person-%d","emoji_type":%q,"channel":%q}`, nth, kinds[nth%len(kinds)], channel(nth, due))
		_, err := c.post(ctx, client, "/send_emoji", body)
		if ctx.Err() != nil {
			return
		}
		c.note(&c.taps, observation{at: due, took: time.Since(due), ok: err == nil}, err)
	}
}

// channel returns where a person taps at a time: most in the main channel, one of twenty
// in a smaller one, and one of twenty in one that is new every few seconds.
func channel(nth int, at time.Time) string {
	const changes = 5 * time.Second
	switch nth % 20 {
	case 0:
		return fmt.Sprintf("new-%d-%d", nth, at.UnixNano()/int64(changes))
	case 1:
		return "stage-2"
	}
	return wire.MainChannel
}

// post sends a request to the main server. An answer other than 200 is an error.
func (c *crowd) post(ctx context.Context, client *http.Client, path, body string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.main+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err == nil && res.StatusCode != http.StatusOK {
		var said struct{ Code string }
		_ = json.Unmarshal(b, &said) // an answer that is no JSON has no code
		err = &answerError{res.StatusCode, said.Code}
	}
	return b, err
}

// answerError is an answer other than 200.
type answerError struct {
	status int
	code   string
}

func (e *answerError) Error() string { return fmt.Sprintf("%d %s", e.status, e.code) }

// listenOn joins, listens for a while, leaves, and joins again.
func (c *crowd) listenOn(ctx context.Context, nth int) {
	client := c.client(people + nth)
	defer client.CloseIdleConnections()
	// Stays differ, so that somebody leaves and joins at all times.
	stay := minStay + (maxStay-minStay)*time.Duration(nth)/people
	for ctx.Err() == nil {
		began := time.Now()
		staying, leave := context.WithTimeout(ctx, stay)
		stream, err := c.join(staying, client)
		if ctx.Err() == nil {
			c.note(&c.joins, observation{at: began, took: time.Since(began), ok: err == nil}, err)
		}
		if err == nil {
			c.listen(stream, began)
		} else {
			_ = sleep.For(ctx, joinAgain)
		}
		leave()
	}
}

// join asks the main server for a subscriber server, and opens its stream.
func (c *crowd) join(ctx context.Context, client *http.Client) (io.ReadCloser, error) {
	b, err := c.post(ctx, client, "/register", "{}")
	if err != nil {
		return nil, fmt.Errorf("register: %w", err)
	}
	var assigned struct {
		URL string `json:"stream_url"`
	}
	if err := json.Unmarshal(b, &assigned); err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, assigned.URL, http.NoBody)
	if err != nil {
		return nil, err
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("stream: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		_ = res.Body.Close()
		return nil, fmt.Errorf("stream: %w", &answerError{status: res.StatusCode})
	}
	return res.Body, nil
}

// listen listens until the stream ends. Then it notes for each window that ended
// meanwhile whether it was shown in time.
func (c *crowd) listen(stream io.ReadCloser, began time.Time) {
	defer stream.Close()
	inTime := map[int64]bool{}
	for lines := bufio.NewScanner(stream); lines.Scan(); {
		data, ok := strings.CutPrefix(lines.Text(), "data:")
		if !ok {
			continue
		}
		if w, err := wire.DecodeSwarm([]byte(data)); err == nil && w.Total > 0 && time.Since(time.UnixMilli(w.Window.End)) < showTimeout {
			inTime[w.Window.End] = true
		}
	}
	last := time.Now().Add(-showTimeout)
	c.mu.Lock()
	defer c.mu.Unlock()
	for end := began.Truncate(windowLength).Add(windowLength); end.Before(last); end = end.Add(windowLength) {
		c.shown = append(c.shown, observation{at: end, ok: inTime[end.UnixMilli()]})
	}
}

// note adds an observation, and why it failed.
func (c *crowd) note(to *[]observation, o observation, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*to = append(*to, o)
	if err != nil {
		c.wrong[reason(err)]++
	}
}

// reason shortens an error so that those of one kind are the same.
func reason(err error) string {
	s := err.Error()
	if i := strings.LastIndex(s, ": "); i >= 0 && strings.Contains(s, "://") {
		s = s[i+2:]
	}
	return s
}
