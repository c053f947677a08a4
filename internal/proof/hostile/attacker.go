package hostile

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emostream/emostream/internal/sleep"
)

// attackAgain is how long an attacker waits before it opens a connection again that was
// closed or refused.
const attackAgain = 200 * time.Millisecond

// Target says where the parts of an installation are, as host:port.
type Target struct {
	Main        string
	Subscribers []string
	Metrics     []string
	Broker      string
}

// Sent is what an attack has done, so that one that comes to nothing is noticed.
type Sent struct {
	Connections int64            `json:"connections"`
	Requests    int64            `json:"requests"` // or records, or lines
	Answers     map[string]int64 `json:"answers"`  // by status
}

func (s Sent) String() string {
	answers, err := json.Marshal(s.Answers)
	if err != nil {
		panic(err) // a map of numbers always marshals
	}
	return fmt.Sprintf("%d connections, %d requests, answers %s", s.Connections, s.Requests, answers)
}

// attacker is one attack while it runs, from one address.
type attacker struct {
	target  Target
	address Address

	connections, requests atomic.Int64
	mu                    sync.Mutex
	answers               map[string]int64
}

// Perform attacks a target until ctx ends.
func Perform(ctx context.Context, attack Attack, target Target, from Address) (Sent, error) {
	a := &attacker{target: target, address: from, answers: map[string]int64{}}
	err := attack.run(ctx, a)
	return Sent{a.connections.Load(), a.requests.Load(), a.answers}, err
}

// answered counts an answer, or a failure, by its kind.
func (a *attacker) answered(kind string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers[kind]++
}

// hold keeps n connections to an address, and has speak use each. When speak returns, the
// connection is closed, and after a while another one is opened.
func (a *attacker) hold(ctx context.Context, n int, addr string, speak func(*connection)) {
	a.holdEach(ctx, n, attackAgain, func(int) string { return addr }, speak)
}

// holdEach is hold with an address for each connection, and with how long until a
// connection is opened again.
func (a *attacker) holdEach(ctx context.Context, n int, again time.Duration, addr func(i int) string, speak func(*connection)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			for ctx.Err() == nil {
				a.visit(ctx, addr(i), speak)
				_ = sleep.For(ctx, again)
			}
		})
	}
	all.Wait()
}

// visit opens a connection, has speak use it, and closes it.
func (a *attacker) visit(ctx context.Context, addr string, speak func(*connection)) {
	conn, err := a.address.Dialer().DialContext(ctx, "tcp", addr)
	if err != nil {
		if ctx.Err() == nil {
			a.answered("no connection")
		}
		return
	}
	a.connections.Add(1)
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	speak(&connection{Conn: conn, attacker: a, ctx: ctx, addr: addr})
}

// connection is a connection of an attacker. Its methods do nothing after an error.
type connection struct {
	net.Conn
	attacker *attacker
	ctx      context.Context //nolint:containedctx // one for all the uses of a connection, which ends with it
	addr     string
	failed   bool
}

// send writes bytes.
func (c *connection) send(s string) {
	if _, err := io.WriteString(c, s); err != nil {
		c.failed = true
	}
}

// request sends the head of a request, and the beginning of its body.
func (c *connection) request(line, headers, body string) {
	c.attacker.requests.Add(1)
	c.send(line + " HTTP/1.1\r\nHost: " + c.addr + "\r\n" + c.attacker.address.Header() + headers + "\r\n" + body)
}

// post sends a whole request.
func (c *connection) post(path, body string) {
	c.request("POST "+path, "Content-Type: application/json\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n", body)
}

// answers reads answers, and counts them by status, until the connection ends. They are
// thrown away.
func (c *connection) answers() {
	for r := bufio.NewReader(c); ; {
		if !c.answer(r) {
			return
		}
	}
}

// answer reads one answer. It returns whether there may be another.
func (c *connection) answer(r *bufio.Reader) bool {
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		c.failed = true
		return false
	}
	c.attacker.answered(strconv.Itoa(res.StatusCode))
	_, err = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	if err != nil || res.Close {
		c.failed = true
	}
	return !c.failed
}

// exchange sends requests, and reads the answer to each, one after the other.
func (c *connection) exchange(send func()) {
	r := bufio.NewReader(c)
	for !c.failed && c.ctx.Err() == nil {
		send()
		if c.failed || !c.answer(r) {
			return
		}
	}
}

// trickle sends a piece again and again, and meanwhile reads answers.
func (c *connection) trickle(piece string, each time.Duration) {
	go c.answers()
	for !c.failed && sleep.For(c.ctx, each) == nil {
		c.attacker.requests.Add(1)
		c.send(piece)
	}
}

// readNothing makes the window of a connection as small as can be, so that what is sent
// to it stays with the server.
func (c *connection) readNothing() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(1)
	}
}

// reset makes the close of the connection a reset.
func (c *connection) reset() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
}

// wait waits until the other side closes the connection, or the attack ends.
func (c *connection) wait() { _, _ = io.Copy(io.Discard, c) }
