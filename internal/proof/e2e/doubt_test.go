package e2e_test

import (
	"context"
	bigendian "encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
)

// between is a proxy between clients and a broker. If act is set, the next answer to a
// write is not passed on: act is called instead, and the connection is closed.
type between struct {
	addr   string
	broker string
	act    atomic.Pointer[func()]
}

func standBetween(t *testing.T, broker string) *between {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &between{addr: ln.Addr().String(), broker: broker}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go b.serve(c)
		}
	}()
	return b
}

// serve passes the requests of a client and their answers on, one after the other.
func (b *between) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", b.broker)
	if err != nil {
		return
	}
	defer server.Close()
	for {
		request, err := frame(client)
		if err != nil {
			return
		}
		const produce = 0
		kind := bigendian.BigEndian.Uint16(request[4:])
		if _, err := server.Write(request); err != nil {
			return
		}
		answer, err := frame(server)
		if err != nil {
			return
		}
		if act := b.act.Load(); kind == produce && act != nil {
			(*act)()
			return
		}
		if _, err := client.Write(answer); err != nil {
			return
		}
	}
}

// frame reads a message of Kafka's protocol, with the length that stands before it.
func frame(r io.Reader) ([]byte, error) {
	size := make([]byte, 4)
	if _, err := io.ReadFull(r, size); err != nil {
		return nil, err
	}
	b := append(size, make([]byte, bigendian.BigEndian.Uint32(size))...)
	_, err := io.ReadFull(r, b[4:])
	return b, err
}

// If the embedded broker is killed after it has written a batch and before it has
// answered, the producer says that the batch is in doubt. The batch is in the log,
// once. This is tried three times.
func TestKilledBetweenWriteAndAnswer(t *testing.T) {
	sideBySide(t)
	addr, dir := free(t), t.TempDir()
	b := standBetween(t, addr)
	run := func() *process {
		return start(t, "broker", "--listen", addr, "--advertise", b.addr, "--data-dir", dir)
	}
	broker := run()
	c, err := kafka.Open(kafka.Config{Brokers: []string{b.addr}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), maxWait)
	defer cancel()
	if _, err := c.EnsureTopics(ctx, kafka.Topic{Name: "t", Partitions: 1}); err != nil {
		t.Fatal(err)
	}
	p := kafka.NewProducer(c, kafka.ProducerConfig{Topic: "t"})
	running := make(chan error, 1)
	producing, stop := context.WithCancel(ctx)
	go func() { running <- p.Run(producing) }()
	defer func() {
		stop()
		if err := <-running; err != nil {
			t.Errorf("Run = %v", err)
		}
	}()
	one := func(value string) []stream.Record {
		return []stream.Record{{Time: time.Now().UnixMilli(), Value: []byte(value)}}
	}

	var want []string
	for i := range 3 {
		value := fmt.Sprint("in doubt ", i)
		kill := broker.kill
		b.act.Store(&kill)
		if err := p.Append(ctx, one(value)); !errors.Is(err, stream.ErrInDoubt) {
			t.Errorf("Append to a broker that is killed when it has written = %v, want it in doubt", err)
		}
		b.act.Store(nil)
		broker = run()
		after := fmt.Sprint("after ", i)
		until(t, "it goes on", func() error { return p.Append(ctx, one(after)) })
		want = append(want, value, after)
	}
	var got []string
	for r, offset := c.Reader("t", 0), int64(0); len(got) < len(want); {
		batch, err := r.Fetch(ctx, offset, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		for _, rec := range batch.Records {
			got = append(got, string(rec.Value))
		}
		if offset = batch.Next; batch.AtEnd() {
			break
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the log holds %q, want %q", got, want)
	}
}
