package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/broker/brokertest"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// withTopics starts a broker that has the topics of reactions and counts.
func withTopics(t *testing.T) (*kafka.Client, string) {
	t.Helper()
	c, address := brokertest.Open(t)
	layout := kafka.Layout{}
	if _, err := c.EnsureTopics(t.Context(), layout.ReactionsTopic(), layout.CountsTopic()); err != nil {
		t.Fatal(err)
	}
	return c, address
}

// write appends to a partition of emoji-topic.
func write(ctx context.Context, t *testing.T, c *kafka.Client, partition int, values ...string) {
	t.Helper()
	records := make([]stream.Record, len(values))
	for i, v := range values {
		records[i] = stream.Record{Time: time.Now().UnixMilli(), Value: []byte(v)}
	}
	if err := c.Writer(wire.Topics{}.Reactions()).Write(ctx, partition, records); err != nil {
		t.Error(err)
	}
}

// consume begins at the end of every partition, goes on until it is stopped, and says
// how many records it has printed. It leaves out control characters.
func TestConsumeFollows(t *testing.T) {
	c, addr := withTopics(t)
	const tapped = `{"user_id":"%s","emoji_type":"🔥","timestamp":"t\u001b[2J"}`
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	write(ctx, t, c, 0, fmt.Sprintf(tapped, "before"))
	out := &outputWatcher{want: "the last", done: cancel}
	var writing sync.WaitGroup
	defer writing.Wait()
	errs := &outputWatcher{want: "following emoji-topic, 4 partitions", done: func() {
		write(ctx, t, c, 0, fmt.Sprintf(tapped, "ann"), "junk \x1b[31m\x9b", fmt.Sprintf(tapped, "bob"))
		writing.Go(func() {
			if out.waitFor(ctx, "bob") { // only then, so that the order of the lines is certain
				write(context.WithoutCancel(ctx), t, c, 3, fmt.Sprintf(tapped, "the last"))
			}
		})
	}}
	code := execute(ctx, streams{out: out, err: errs}, []string{"consume", "--brokers", addr})
	if code != exitOK || ctx.Err() != context.Canceled {
		t.Errorf("exit code %d, %v", code, ctx.Err())
	}
	var said []string
	for line := range strings.Lines(out.String()) {
		_, what, _ := strings.Cut(strings.TrimSpace(line), "  ") // without the time
		said = append(said, what)
	}
	want := []string{"🔥  ann  t[2J", "junk [31m\uFFFD", "🔥  bob  t[2J", "🔥  the last  t[2J"}
	if fmt.Sprintf("%q", said) != fmt.Sprintf("%q", want) {
		t.Errorf("it printed %q, want %q", said, want)
	}
	if !strings.HasSuffix(errs.String(), "\n4 records\n") {
		t.Errorf("on stderr: %q", errs.String())
	}
}

// After a signal, a command that would have ended by itself exits as interrupted, and
// any other exits well. This holds even if Kafka has not answered yet.
func TestConsumeIsStopped(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0") // accepts connections and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	for command, want := range map[string]int{
		"consume": exitOK, "consume -n 1": exitInterrupted, "consume --to 5": exitInterrupted,
		"consume --verify": exitInterrupted, "consume --trace": exitOK, "consume --trace -n 1": exitInterrupted,
	} {
		ctx, cancel := context.WithCancel(t.Context())
		var out, errs bytes.Buffer
		ended := make(chan int, 1)
		go func() {
			ended <- execute(ctx, streams{out: &out, err: &errs}, append(strings.Fields(command), "--brokers", mute.Addr().String()))
		}()
		cancel()
		if code := <-ended; code != want || out.Len() > 0 {
			t.Errorf("%s: exit code %d, want %d; on stderr %q", command, code, want, errs.String())
		}
	}
}

// consume --verify says what it was doing when it was interrupted.
func TestVerifyInterrupted(t *testing.T) {
	t.Parallel()
	c, addr := withTopics(t)
	write(t.Context(), t, c, 0, `{"user_id":"u","emoji_type":"🔥","timestamp":"t"}`)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out bytes.Buffer
	errs := &outputWatcher{want: "waiting for the counting: 1 reaction not counted yet", done: cancel}
	code := execute(ctx, streams{out: &out, err: errs}, []string{"consume", "--verify", "--wait", "1h", "--brokers", addr})
	if code != exitInterrupted || ctx.Err() != context.Canceled || out.Len() > 0 {
		t.Errorf("exit code %d, %v, on stdout %q", code, ctx.Err(), out.String())
	}
	if want := "interrupted while waiting for the counting: 1 reaction not counted yet, or too often; nothing is decided\n"; !strings.HasSuffix(errs.String(), want) {
		t.Errorf("on stderr: %q", errs.String())
	}
}
