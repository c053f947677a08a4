package kafkatest

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Variables that the command sets in the environment of the command that it runs.
const (
	// BrokersVariable holds the brokers' addresses, host:port, separated by commas.
	BrokersVariable = "EMOSTREAM_TEST_BROKERS"
	// ControlVariable holds the address at which brokers can be killed and started; see Control.
	ControlVariable = "EMOSTREAM_TEST_BROKER_CONTROL"
)

// Handler lets another process kill and start the cluster's brokers, and make one the
// leader of all partitions, with POST /kill?broker=1, POST /start?broker=1 and POST
// /move-leaders?broker=1. It answers 204 when Kill, Start or MoveLeaders has returned.
func (c *Cluster) Handler() http.Handler {
	on := func(act func(context.Context, int) error) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			i, err := strconv.Atoi(r.FormValue("broker"))
			if err != nil {
				http.Error(w, "which broker? Say so with ?broker=0", http.StatusBadRequest)
				return
			}
			if err := act(r.Context(), i); err != nil {
				http.Error(w, err.Error(), http.StatusConflict)
				return
			}
			w.WriteHeader(http.StatusNoContent)
		}
	}
	mux := http.NewServeMux()
	mux.Handle("POST /kill", on(func(_ context.Context, i int) error { return c.Kill(i) }))
	mux.Handle("POST /start", on(c.Start))
	mux.Handle("POST /move-leaders", on(func(ctx context.Context, i int) error {
		_, err := c.MoveLeaders(ctx, i)
		return err
	}))
	return mux
}

// Control is the other end of Handler, for tests that run under the command:
//
//	control := kafkatest.Control{URL: os.Getenv(kafkatest.ControlVariable)}
//	err := control.Kill(ctx, 1)
type Control struct {
	// URL is the value of ControlVariable.
	URL string
	// Client defaults to http.DefaultClient.
	Client *http.Client
}

// Kill ends broker i as Cluster.Kill does.
func (c Control) Kill(ctx context.Context, i int) error { return c.post(ctx, "kill", i) }

// Start starts broker i again as Cluster.Start does.
func (c Control) Start(ctx context.Context, i int) error { return c.post(ctx, "start", i) }

// MoveLeaders makes broker i the leader of all partitions as Cluster.MoveLeaders does.
func (c Control) MoveLeaders(ctx context.Context, i int) error {
	return c.post(ctx, "move-leaders", i)
}

func (c Control) post(ctx context.Context, verb string, broker int) error {
	url := fmt.Sprintf("%s/%s?broker=%d", c.URL, verb, broker)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := cmp.Or(c.Client, http.DefaultClient).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNoContent {
		return nil
	}
	reason, err := io.ReadAll(io.LimitReader(resp.Body, 8<<10))
	if err != nil {
		return err
	}
	return fmt.Errorf("%s broker %d: %s", verb, broker, strings.TrimSpace(string(reason)))
}
