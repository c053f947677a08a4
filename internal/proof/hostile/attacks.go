package hostile

import (
	"bufio"
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Attack is what a stranger does.
type Attack struct {
	Name string // for the command line
	What string // for people
	run  func(ctx context.Context, a *attacker) error
}

// openFiles is how many files an attacker may have open.
const openFiles = 10_000

// maxConnections is how many connections it holds at most, so that some files are left.
const maxConnections = openFiles - 100

// Attacks returns all attacks.
func Attacks() []Attack {
	return []Attack{
		{"announced-17", "17 requests that announce 4 MiB and send nothing, renewed", announce(17)},
		{"announced-1000", "1,000 of them", announce(1000)},
		{"slow-bodies", "1,000 bodies that come by a byte a second", slowBodies},
		{"slow-headers", "1,000 heads that come by a byte a second", slowHeaders},
		{"bad-items", "arrays of 10,000 bad items on 64 connections that never read an answer", badItems},
		{"held-streams", "1,000 streams of lines, held open by an empty line a second", heldStreams},
		{"idle", "9,900 connections to the main server that say nothing", idle},
		{"healthz-bodies", "`GET /healthz` that announces a body, on 300 connections to each server and each port of metrics", healthzBodies},
		{"channel-names", "1,000 invented channel names a request", channelNames},
		{"emoji-channels", "50 emojis in 999 channels, again and again", emojiChannels},
		{"count-flood", "arrays of 1,000 items that count 100 each", countFlood},
		{"tap-flood", "single taps on 256 connections, as fast as they are answered", tapFlood},
		{"register-flood", "`/register` on 32 connections, as fast as it is answered", registerFlood},
		{"listeners", "9,900 listeners that read nothing", hoard},
		{"churn", "streams opened and reset at once on 64 connections", churn},
		{"broker-bytes", "unknown requests, announcements of 4 GiB, random bytes and half requests on the broker's port", brokerBytes},
		{"web-page", "what a page of the web can make a browser send to every port", webPage},
		{"foreign-records", "foreign records in every topic: no JSON, tombstones, far times, wrong types", foreignRecords},
		{"heartbeats", "heartbeats with wrong fields, as fast as they are taken", heartbeatFlood},
	}
}

// announce opens requests whose bodies never come.
func announce(n int) func(context.Context, *attacker) error {
	return func(ctx context.Context, a *attacker) error {
		a.hold(ctx, n, a.target.Main, func(c *connection) {
			c.request("POST /v1/reactions", "Content-Type: application/json\r\nContent-Length: 4194304\r\n", "")
			c.answers()
		})
		return nil
	}
}

func slowBodies(ctx context.Context, a *attacker) error {
	a.hold(ctx, 1000, a.target.Main, func(c *connection) {
		c.request("POST /v1/reactions", "Content-Type: application/json\r\nContent-Length: 65536\r\n", "[")
		c.trickle(" ", time.Second)
	})
	return nil
}

func slowHeaders(ctx context.Context, a *attacker) error {
	a.hold(ctx, 1000, a.target.Main, func(c *connection) {
		c.send("POST /v1/reactions HTTP/1.1\r\nX-Slow: ")
		c.trickle("x", time.Second)
	})
	return nil
}

func badItems(ctx context.Context, a *attacker) error {
	body := "[" + strings.Repeat("{},", 9_999) + "{}]"
	a.hold(ctx, 64, a.target.Main, func(c *connection) {
		c.readNothing()
		for !c.failed {
			c.post("/v1/reactions", body)
		}
	})
	return nil
}

func heldStreams(ctx context.Context, a *attacker) error {
	a.hold(ctx, 1000, a.target.Main, func(c *connection) {
		c.request("POST /v1/reactions", "Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n", "")
		c.trickle("1\r\n\n\r\n", time.Second)
	})
	return nil
}

func idle(ctx context.Context, a *attacker) error {
	a.holdEach(ctx, maxConnections, time.Second, func(int) string { return a.target.Main }, (*connection).wait)
	return nil
}

func healthzBodies(ctx context.Context, a *attacker) error {
	ports := append([]string{a.target.Main}, a.target.Subscribers...)
	ports = append(ports, a.target.Metrics...)
	const each = 300
	a.holdEach(ctx, each*len(ports), attackAgain, func(i int) string { return ports[i%len(ports)] }, func(c *connection) {
		c.request("GET /healthz", "Content-Length: 1000000\r\n", "")
		c.answers()
	})
	return nil
}

func channelNames(ctx context.Context, a *attacker) error {
	var names atomic.Int64
	a.hold(ctx, 4, a.target.Main, func(c *connection) {
		c.exchange(func() {
			c.post("/v1/reactions", array(1000, func(int) string {
				return fmt.Sprintf(`{"user_id":"x","emoji_type":"🔥","channel":"invented-%d"}`, names.Add(1))
			}))
		})
	})
	return nil
}

func emojiChannels(ctx context.Context, a *attacker) error {
	const emojis, channels, items = 50, 999, 9_990
	kinds := strings.Fields("😀 😃 😄 😁 😆 😅 🤣 😂 🙂 🙃 🫠 😉 😊 😇 🥰 😍 🤩 😘 😗 😚 😙 🥲 😋 😛 😜 🤪 😝 🤑 🤗 🤭 🫢 🫣 🤫 🤔 🫡 🤐 🤨 😐 😑 😶 🫥 😏 😒 🙄 😬 🤥 🫨 😌 😔 😪")
	var next atomic.Int64
	a.hold(ctx, 4, a.target.Main, func(c *connection) {
		c.exchange(func() {
			c.post("/v1/reactions", array(items, func(int) string {
				n := next.Add(1)
				return fmt.Sprintf(`{"user_id":"x","emoji_type":%q,"channel":"c%d"}`, kinds[n/channels%emojis], n%channels)
			}))
		})
	})
	return nil
}

func countFlood(ctx context.Context, a *attacker) error {
	body := array(1000, func(int) string { return `{"user_id":"x","emoji_type":"🔥","count":100}` })
	a.hold(ctx, 8, a.target.Main, func(c *connection) {
		c.exchange(func() { c.post("/v1/reactions", body) })
	})
	return nil
}

// array returns a JSON array of n items.
func array(n int, item func(i int) string) string {
	items := make([]string, n)
	for i := range items {
		items[i] = item(i)
	}
	return "[" + strings.Join(items, ",") + "]"
}

func tapFlood(ctx context.Context, a *attacker) error {
	a.hold(ctx, 256, a.target.Main, func(c *connection) {
		c.exchange(func() { c.post("/send_emoji", `{"user_id":"x","emoji_type":"🔥"}`) })
	})
	return nil
}

func registerFlood(ctx context.Context, a *attacker) error {
	a.hold(ctx, 32, a.target.Main, func(c *connection) {
		c.exchange(func() { c.post("/register", "{}") })
	})
	return nil
}

func hoard(ctx context.Context, a *attacker) error {
	a.holdEach(ctx, maxConnections, time.Second, a.subscriber, func(c *connection) {
		c.readNothing()
		c.request("GET /v1/swarm", "", "")
		// The status alone is read. So a connection that the server closes is noticed only
		// when the attack ends, as for everybody who does not read.
		if line, err := bufio.NewReaderSize(c, 16).ReadString(' '); err == nil && strings.HasPrefix(line, "HTTP") {
			c.attacker.answered("answered")
		}
		<-c.ctx.Done()
	})
	return nil
}

// subscriber returns the subscriber servers in turn.
func (a *attacker) subscriber(i int) string { return a.target.Subscribers[i%len(a.target.Subscribers)] }

func churn(ctx context.Context, a *attacker) error {
	a.holdEach(ctx, 64, 0, a.subscriber, func(c *connection) {
		c.request("GET /v1/swarm", "", "")
		b := make([]byte, 512)
		if n, err := c.Read(b); err == nil && n > 12 {
			c.attacker.answered(string(b[9:12]))
		}
		c.reset()
	})
	return nil
}

// webPage sends what a browser sends for a page of another site: forms, images, fetch
// with and without CORS. The headers tell where it comes from, as a browser's do.
func webPage(ctx context.Context, a *attacker) error {
	ports := append([]string{a.target.Main, a.target.Broker}, a.target.Subscribers...)
	ports = append(ports, a.target.Metrics...)
	const headers = "Origin: https://evil.example\r\nReferer: https://evil.example/\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nUser-Agent: Mozilla/5.0\r\n"
	const tap = `{"user_id":"x","emoji_type":"🔥"}`
	// A request of Kafka of an unknown kind, and one that announces 4 GiB, as the body of a form.
	const kafka = "\x00\x00\x00\x0a\x75\x30\x00\x00\x00\x00\x00\x01\xff\xff\xff\xff\xff\xff"
	sends := []func(*connection){
		func(c *connection) { c.form("/send_emoji", headers+"Content-Type: text/plain\r\n", tap) },
		func(c *connection) { c.form("/send_emoji", headers+"Content-Type: application/json\r\n", tap) },
		func(c *connection) {
			c.form("/v1/reactions", headers+"Content-Type: application/x-www-form-urlencoded\r\n", tap+"\n")
		},
		func(c *connection) { c.form("/", headers+"Content-Type: application/octet-stream\r\n", kafka) },
		func(c *connection) {
			c.form("/unregister", headers+"Content-Type: application/json\r\n", `{"server":"sub1"}`)
		},
		func(c *connection) { c.request("GET /register", headers, "") },
		func(c *connection) { c.request("GET /v1/servers", headers, "") },
		func(c *connection) { c.request("GET /metrics", headers, "") },
		func(c *connection) { c.request("GET /debug/pprof/profile?seconds=30", headers, "") },
		func(c *connection) { c.request("GET /debug/pprof/heap?gc=1", headers, "") },
		func(c *connection) {
			c.request("OPTIONS /send_emoji", headers+"Access-Control-Request-Method: POST\r\n", "")
		},
	}
	var all sync.WaitGroup
	for i := range 6 * len(ports) {
		all.Go(func() {
			for n := i; ctx.Err() == nil; n++ {
				a.visit(ctx, ports[i%len(ports)], func(c *connection) {
					sends[n%len(sends)](c)
					_ = c.SetReadDeadline(time.Now().Add(time.Second))
					c.answer(bufio.NewReader(c))
				})
			}
		})
	}
	all.Wait()
	return nil
}

// form sends a POST with a body.
func (c *connection) form(path, headers, body string) {
	c.request("POST "+path, fmt.Sprintf("%sContent-Length: %d\r\n", headers, len(body)), body)
}
