package fanbench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/proof/kafkatest"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// ours is a subscriber server and the broker that it reads from. Events are
// written to its topic, as publish does.
type ours struct {
	bench     *bench
	broker    *program
	subscribe *program
	args      []string // of subscribe
	client    *kafka.Client
	writer    stream.Writer
	base      string // of the subscriber server
	metrics   string
}

// startOurs starts both; more are more flags of subscribe.
func (b *bench) startOurs(ctx context.Context, more ...string) (*ours, error) {
	ports, err := kafkatest.FreePorts(ctx, 3)
	if err != nil {
		return nil, err
	}
	addr := func(i int) string { return "127.0.0.1:" + strconv.Itoa(ports[i]) }
	o := &ours{bench: b, base: "http://" + addr(1), metrics: "http://" + addr(2)}
	o.args = []string{
		"subscribe", "--name", "sub1", "--brokers", addr(0), "--listen", addr(1), "--metrics-listen", addr(2), "--pprof",
		"--capacity", strconv.Itoa(b.Many + 1000),
	}
	o.args = append(o.args, more...)
	if o.client, err = kafka.Open(kafka.Config{Brokers: []string{addr(0)}}); err != nil {
		return nil, err
	}
	o.writer = o.client.Writer(wire.Topics{}.Server("sub1"))
	if o.broker, err = b.launch(ctx, "broker", b.Program, "broker", "--ephemeral", "--listen", addr(0)); err == nil {
		err = o.start(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, o.Stop())
	}
	return o, nil
}

// start starts the subscriber server, and waits until it is ready.
func (o *ours) start(ctx context.Context) (err error) {
	if o.subscribe, err = o.bench.launch(ctx, "subscribe", o.bench.Program, o.args...); err != nil {
		return err
	}
	return o.subscribe.until(ctx, o.base+"/readyz")
}

func (o *ours) URL() string { return o.base + "/v1/swarm" }

func (o *ours) Processes() ([]int, error) { return []int{o.subscribe.process.ID()}, nil }

func (o *ours) Publish(ctx context.Context, s wire.Swarm) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return o.writer.Write(ctx, 0, []stream.Record{{Time: s.Window.End, Key: []byte(s.Channel), Value: data}})
}

// Restart kills the subscriber server and starts it again. It returns when it was
// killed.
func (o *ours) Restart(ctx context.Context) (time.Time, error) {
	killed := time.Now()
	if err := o.subscribe.process.Kill(); err != nil {
		return killed, err
	}
	return killed, o.start(ctx)
}

func (o *ours) Stop() error {
	var errs []error
	for _, p := range []*program{o.subscribe, o.broker} {
		if p != nil {
			errs = append(errs, p.stop())
		}
	}
	o.client.Close()
	return errors.Join(errs...)
}

// Clients is how many streams the server says are open.
func (o *ours) Clients(ctx context.Context) (int, error) {
	text, err := get(ctx, o.metrics+"/metrics")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if n, ok := strings.CutPrefix(line, "emostream_subscribe_clients "); ok {
			clients, err := strconv.ParseFloat(strings.TrimSpace(n), 64)
			return int(clients), err
		}
	}
	return 0, errors.New("the metrics do not say how many clients there are")
}

// emptied waits until the server counts nobody any more, and returns how long that
// took, or how many it still counts when it should have noticed long ago.
func (o *ours) emptied(ctx context.Context) (left int, took time.Duration, err error) {
	for began := time.Now(); ; {
		left, err = o.Clients(ctx)
		took = time.Since(began)
		if err != nil || left == 0 || took > 2*heartbeat {
			return left, took, err
		}
		if err := rest(ctx, 50*time.Millisecond); err != nil {
			return left, took, err
		}
	}
}

// Profile writes where the server's processor time goes, for so many seconds.
func (o *ours) Profile(ctx context.Context, seconds int, path string) error {
	profile, err := get(ctx, fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", o.metrics, seconds))
	if err != nil {
		return err
	}
	return os.WriteFile(path, profile, 0o644)
}

// get returns the body of an answer.
func get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode >= http.StatusMultipleChoices {
		return nil, fmt.Errorf("%s answered %s", url, res.Status)
	}
	return io.ReadAll(res.Body)
}
