package broker_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/broker"
	"github.com/emostream/emostream/internal/broker/brokertest"
	"github.com/emostream/emostream/internal/controls"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
)

// What managers have set stays, however old and whatever the broker's own bounds are, also
// over a restart. Of each only the last record stays.
func TestControlsStay(t *testing.T) {
	for _, dir := range brokertest.Folders(t) {
		cfg := broker.Config{DataDir: dir, Retention: time.Millisecond, RetentionBytes: 8}
		b, stop := run(t, cfg, false)
		c := client(t, b.Addr())
		set := kafka.Layout{}.ControlsTopic()
		if _, err := c.EnsureTopics(within(t), set); err != nil {
			t.Fatal(err)
		}
		writer := c.Writer(set.Name)
		for i := range 20 {
			w := controls.Control{Kind: controls.Channel, Name: fmt.Sprint("stage-", i%2), State: controls.Paused, Reason: fmt.Sprint(i)}.Wire()
			if err := writer.Write(within(t), 0, []stream.Record{{Time: time.Now().Add(-time.Hour).UnixMilli(), Key: w.Key(), Value: w.Encode()}}); err != nil {
				t.Fatal(err)
			}
		}
		ensure(t, c, 1, nil) // retention has gone over the log when this topic has lost its record
		if err := c.Writer(topic).Write(within(t), 0, []stream.Record{{Time: time.Now().UnixMilli(), Value: []byte("x")}}); err != nil {
			t.Fatal(err)
		}
		commit(t, b.Addr(), 1, "")
		eventually(t, func() error {
			if start, _, err := c.Offsets(within(t), topic, 0); start != 1 || err != nil {
				return fmt.Errorf("the other topic begins at %d, %w", start, err)
			}
			return nil
		})
		if dir != "" {
			stop()
			b, _ = run(t, cfg, false)
			c = client(t, b.Addr())
		}
		offset, _, err := c.Offsets(within(t), set.Name, 0)
		if err != nil {
			t.Fatal(err)
		}
		reader := c.Reader(set.Name, 0)
		got := map[string]string{}
		for {
			batch, err := reader.Fetch(within(t), offset, time.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range batch.Records {
				got[string(r.Key)] = string(r.Value)
			}
			if offset = batch.Next; batch.AtEnd() {
				break
			}
		}
		for i := range 2 {
			want := controls.Control{Kind: controls.Channel, Name: fmt.Sprint("stage-", i), State: controls.Paused, Reason: fmt.Sprint(18 + i)}.Wire()
			if got[string(want.Key())] != string(want.Encode()) {
				t.Errorf("%s is %s, want %s", want.Key(), got[string(want.Key())], want.Encode())
			}
		}
	}
}
