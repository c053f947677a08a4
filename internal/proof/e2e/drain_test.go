package e2e_test

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
	"testing"
	"time"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/wire"
)

// outcome is what a client learned of its reaction.
type outcome string

const (
	acknowledged outcome = "acknowledged"
	notWritten   outcome = "not written"
	inDoubt      outcome = "in doubt"
)

// outcomes keeps what clients learned of all reactions. Each reaction has a user of its
// own.
type outcomes struct {
	mu   sync.Mutex
	told map[string]outcome
	odd  []string // answers that no client should get
}

func (f *outcomes) tell(user string, what outcome) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.told[user] = what
}

func (f *outcomes) count(what outcome) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, got := range f.told {
		if got == what {
			n++
		}
	}
	return n
}

// send posts a reaction of a user and notes what became of it. last says that its
// connection is not used again, gone that there is no server any more.
func (f *outcomes) send(client *http.Client, url, user string) (last, gone bool) {
	res, err := client.Post(url+"/send_emoji", "application/json", strings.NewReader(fmt.Sprintf(`{"user_id":%q,"emoji_type":"🔥"}`, user)))
	if err != nil {
		if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
			return true, true // the reaction was never sent
		}
		f.tell(user, inDoubt)
		return true, false
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	var said struct{ Code string }
	_ = json.Unmarshal(b, &said)
	switch {
	case res.StatusCode == http.StatusOK:
		f.tell(user, acknowledged)
	case said.Code == "not_written", said.Code == "overloaded":
		f.tell(user, notWritten)
	case said.Code == "in_doubt":
		f.tell(user, inDoubt)
	default:
		f.tell(user, inDoubt)
		f.mu.Lock()
		f.odd = append(f.odd, fmt.Sprintf("%d %s", res.StatusCode, b))
		f.mu.Unlock()
	}
	return res.Close, false
}

// check compares what clients learned with the log.
func (f *outcomes) check(t *testing.T, brokers []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), maxWait)
	defer cancel()
	c, err := kafka.Open(kafka.Config{Brokers: brokers})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	topic := wire.Topics{}.Reactions()
	partitions, err := c.Partitions(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	written := map[string]int{}
	for p := range partitions {
		offset, end, err := c.Offsets(ctx, topic, p)
		if err != nil {
			t.Fatal(err)
		}
		for r := c.Reader(topic, p); offset < end; {
			b, err := r.Fetch(ctx, offset, time.Second)
			if err != nil {
				t.Fatal(err)
			}
			for _, rec := range b.Records {
				var reaction wire.Reaction
				if err := json.Unmarshal(rec.Value, &reaction); err != nil {
					t.Fatal(err)
				}
				written[reaction.UserID]++
			}
			offset = b.Next
		}
	}
	for user, what := range f.told {
		n := written[user]
		if what == acknowledged && n != 1 || what == notWritten && n != 0 || n > 1 {
			t.Errorf("the reaction of %s was %s, and is in the log %d times", user, what, n)
		}
	}
	for user := range written {
		if _, ok := f.told[user]; !ok {
			t.Errorf("the reaction of %s is in the log, and nobody was told", user)
		}
	}
	for _, answer := range f.odd {
		t.Errorf("answered %s", answer)
	}
}

// A main server that is stopped under load acknowledges only reactions that are in the
// log, and refuses only reactions that are not. During --drain-delay it still answers, and
// closes each connection after an answer. Clients that leave then, as a load balancer
// makes them, get every reaction acknowledged.
func TestServeStopsUnderLoad(t *testing.T) {
	sideBySide(t)
	for _, delay := range []string{"0s", "1s"} {
		t.Run(delay, func(t *testing.T) {
			addr, listen := free(t), free(t)
			start(t, "broker", "--listen", addr, "--ephemeral")
			p := start(t, "serve", "--listen", listen, "--brokers", addr, "--drain-delay", delay)
			in := &installation{t: t, main: []string{"http://" + listen}}
			in.ready()
			f := &outcomes{told: map[string]outcome{}}
			var clients sync.WaitGroup
			for n := range 32 {
				clients.Go(func() {
					transport := &http.Transport{MaxConnsPerHost: 1}
					defer transport.CloseIdleConnections()
					client := &http.Client{Transport: transport, Timeout: maxWait}
					for i := range 1_000_000 {
						last, gone := f.send(client, in.main[0], fmt.Sprintf("%d-%d", n, i))
						if gone || last && delay != "0s" {
							return
						}
					}
				})
			}
			until(t, "reactions are taken in", func() error {
				if n := f.count(acknowledged); n < 1000 {
					return fmt.Errorf("%d so far", n)
				}
				return nil
			})
			if code := p.stop(); code != 0 {
				t.Errorf("it ended with code %d", code)
			}
			clients.Wait()
			t.Logf("%d acknowledged, %d not written, %d in doubt", f.count(acknowledged), f.count(notWritten), f.count(inDoubt))
			if n := f.count(inDoubt) + f.count(notWritten); n > 0 && delay != "0s" {
				t.Errorf("%d were not acknowledged", n)
			}
			f.check(t, []string{addr})
		})
	}
}
