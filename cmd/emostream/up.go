package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/server/fanout"
)

// upFlags are the settings of everything in one process.
type upFlags struct {
	stageFlags
	broker       brokerFlags
	brokerListen string
	serve        serveFlags
	aggregate    aggregateFlags
	publish      publishFlags
	subscribe    subscribeFlags
	out          outputFlag
	host         string
	port         int
	subscribers  int
	clusters     int
}

func newUp(io streams) *cobra.Command {
	var f upFlags
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run everything in one process, on an embedded broker",
		Long: `Up runs the whole pipeline in one process: the embedded broker, the main server,
the aggregator, the publishers and the subscriber servers. The log is kept between
runs. It prints the addresses and, when all is ready, the line "ready URL" on stdout.`,
		Example: `  emostream up
  emostream up --port 0 --ephemeral -o json
  emostream up --brokers kafka1:9092      # on your own Kafka`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd, io) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.host, "host", "127.0.0.1", "address to serve on")
	fl.IntVar(&f.port, "port", 5000, "port of the main server; the subscriber servers take the ones after it; 0: free ones for all")
	fl.IntVar(&f.subscribers, "subscribers", 6, "number of subscriber servers")
	fl.IntVar(&f.clusters, "clusters", 2, "number of clusters that they are divided into")
	fl.StringVar(&f.brokerListen, "broker-listen", "localhost:9092", "address of the embedded broker; a free port with --port 0 unless it is given")
	fl.StringSliceVar(&f.brokers, "brokers", nil, "use this Kafka cluster instead of the embedded broker")
	f.addPrefixes(cmd)
	f.broker.add(cmd)
	f.serve.add(cmd)
	f.aggregate.add(cmd)
	f.publish.addTop(cmd)
	f.subscribe.add(cmd)
	f.logFlags.add(cmd, "warn")
	f.addMetrics(cmd)
	f.out.add(cmd)
	return cmd
}

// run starts every stage in the data's order and, in the end, stops them in the
// same order, so that what was accepted is shown.
func (f *upFlags) run(cmd *cobra.Command, io streams) error {
	asJSON, err := f.out.json()
	if err != nil {
		return err
	}
	log, err := f.logger(io.err)
	if err != nil {
		return err
	}
	if err := f.check(); err != nil {
		return err
	}
	house, err := f.build(cmd, log)
	if err != nil {
		return err
	}
	defer house.close()

	if !asJSON {
		house.describe(io)
	}
	house.start()
	if err := house.waitReady(cmd.Context()); err == nil {
		house.announce(io, asJSON)
		house.wait(cmd.Context())
		log.Info("stopping")
	}
	return house.stop()
}

func (f *upFlags) check() error {
	switch {
	case f.subscribers < 1 || f.subscribers > 999:
		return usagef("--subscribers %d: want 1 to 999", f.subscribers)
	case f.clusters < 1 || f.clusters > f.subscribers:
		return usagef("--clusters %d: want 1 to the number of subscriber servers, %d", f.clusters, f.subscribers)
	case f.port < 0 || f.port+f.subscribers > 65535:
		return usagef("--port %d: want 0, or 1 to %d so that %d subscriber servers fit behind it", f.port, 65535-f.subscribers, f.subscribers)
	}
	return f.kafkaFlags.check()
}

// house is everything that up runs.
type house struct {
	log    *slog.Logger
	client *kafka.Client
	flags  *upFlags

	main        *mainServer
	subscribers []*fanout.Server
	window      time.Duration

	addresses addresses
	stages    []*running
	failed    chan error // the first failure of a stage; buffered
	cleanups  []func()
}

// addresses is where everything is, as -o json prints it.
type addresses struct {
	Ready       string      `json:"ready"`
	Broker      []string    `json:"brokers"`
	Data        string      `json:"data"`
	Metrics     string      `json:"metrics,omitempty"`
	Subscribers []subscribe `json:"subscribers"`
}

type subscribe struct {
	Name    string `json:"name"`
	Cluster string `json:"cluster"`
	URL     string `json:"url"`
}

// running is a stage that is stopped by itself.
type running struct {
	name string
	run  func(context.Context) error
	stop context.CancelFunc
	done chan struct{}
	err  error
}

// build binds every address, opens the broker and constructs the stages, the
// picture of ARCHITECTURE.md from left to right.
func (f *upFlags) build(cmd *cobra.Command, log *slog.Logger) (h *house, err error) {
	h = &house{log: log, flags: f, window: f.aggregate.window, failed: make(chan error, 1)}
	defer func() {
		if err != nil {
			h.close()
		}
	}()
	hint := fmt.Sprintf("emostream up --port %d", 5050)
	mainLn, err := listen(cmd.Context(), net.JoinHostPort(f.host, strconv.Itoa(f.port)), "--port", hint)
	if err != nil {
		return h, err
	}
	h.cleanup(func() { _ = mainLn.Close() })
	subLns := make([]net.Listener, f.subscribers)
	for i := range subLns {
		port := 0
		if f.port > 0 {
			port = f.port + 1 + i
		}
		if subLns[i], err = listen(cmd.Context(), net.JoinHostPort(f.host, strconv.Itoa(port)), "--port", hint); err != nil {
			return h, err
		}
		h.cleanup(func() { _ = subLns[i].Close() })
	}

	var brokerRun func(context.Context) error
	if len(f.brokers) == 0 {
		addr := f.brokerListen
		if f.port == 0 && !cmd.Flags().Changed("broker-listen") {
			addr = "localhost:0"
		}
		if brokerRun, err = h.openBroker(cmd.Context(), addr); err != nil {
			return h, err
		}
	}
	h.addresses.Broker = f.brokers
	if h.client, err = f.open("up", log); err != nil {
		return h, err
	}
	h.cleanup(h.client.Close)
	reg := newRegistry()
	s := stage{&f.stageFlags, h.client, log, reg}

	if h.main, err = newMain(s, f.serve); err != nil {
		return h, err
	}
	h.addresses.Ready = "http://" + mainLn.Addr().String()
	clusters := make([]string, f.clusters)
	for i := range clusters {
		clusters[i] = fmt.Sprintf("cluster_%d", i+1)
	}
	h.add("serve", func(ctx context.Context) error { return h.main.run(ctx, mainLn) })
	h.add("aggregate", func(ctx context.Context) error { return runAggregate(ctx, s, f.aggregate) })
	h.add("publish", func(ctx context.Context) error {
		return runPublish(ctx, s, publishFlags{roles: []string{"main", "cluster"}, clusters: clusters, top: f.publish.top})
	})
	for i, ln := range subLns {
		sub := f.subscribe
		sub.name, sub.cluster = fmt.Sprintf("sub%d", i+1), clusters[i*f.clusters/f.subscribers]
		of := s
		of.metrics = prometheus.WrapRegistererWith(prometheus.Labels{"server": sub.name}, reg)
		srv, servers, err := newFanout(of, sub, ln)
		if err != nil {
			return h, err
		}
		h.subscribers = append(h.subscribers, srv)
		h.addresses.Subscribers = append(h.addresses.Subscribers, subscribe{sub.name, sub.cluster, "http://" + ln.Addr().String()})
		h.add(sub.name, func(ctx context.Context) error { return runSubscribe(ctx, of, sub.name, srv, servers, ln) })
	}
	if brokerRun != nil {
		h.add("broker", brokerRun)
	}
	if f.metricsListen != "" {
		ln, err := listenMetrics(cmd.Context(), f.metricsListen)
		if err != nil {
			return h, err
		}
		h.addresses.Metrics = "http://" + ln.Addr().String() + "/metrics"
		h.add("metrics", func(ctx context.Context) error { return serveMetrics(ctx, ln, reg) })
	}
	return h, nil
}

// openBroker opens the embedded broker and makes it the one that all use.
func (h *house) openBroker(ctx context.Context, addr string) (run func(context.Context) error, err error) {
	f := h.flags
	cfg, err := f.broker.config(addr)
	if err != nil {
		return nil, err
	}
	cfg.Logger = h.log
	b, err := openBroker(ctx, cfg, "--broker-listen", "emostream up --broker-listen localhost:9192")
	if err != nil {
		return nil, err
	}
	h.cleanup(func() { _ = b.Close() })
	f.brokers, h.addresses.Data = []string{b.Addr()}, dataName(cfg.DataDir)
	return b.Run, nil
}

func (h *house) add(name string, run func(context.Context) error) {
	h.stages = append(h.stages, &running{name: name, run: run, done: make(chan struct{})})
}

func (h *house) cleanup(f func()) { h.cleanups = append(h.cleanups, f) }

// close undoes what build did, last things first.
func (h *house) close() {
	for _, f := range slices.Backward(h.cleanups) {
		f()
	}
	h.cleanups = nil
}

// start starts every stage, each with a context of its own.
func (h *house) start() {
	for _, r := range h.stages {
		var ctx context.Context
		ctx, r.stop = context.WithCancel(context.Background())
		go func() {
			defer close(r.done)
			if err := r.run(ctx); err != nil && !errors.Is(err, context.Canceled) {
				r.err = fmt.Errorf("%s: %w", r.name, err)
				select {
				case h.failed <- r.err:
				default:
				}
			}
		}()
	}
}

// waitReady returns nil once reactions are taken in and every subscriber server
// has been announced, and an error when ctx ends or a stage fails before that.
func (h *house) waitReady(ctx context.Context) error {
	t := time.NewTicker(5 * time.Millisecond)
	defer t.Stop()
	for !h.ready(ctx) {
		select {
		case <-t.C:
		case <-ctx.Done():
			return ctx.Err()
		case err := <-h.failed:
			h.failed <- err
			return err
		}
	}
	return nil
}

func (h *house) ready(ctx context.Context) bool {
	for _, s := range h.addresses.Subscribers {
		if e, ok := h.main.servers.roster.Get(s.Name); !ok || e.URL != s.URL || !e.Alive(time.Now()) {
			return false
		}
	}
	return h.main.ready(ctx) == nil
}

// wait returns when ctx ends or a stage fails.
func (h *house) wait(ctx context.Context) {
	select {
	case <-ctx.Done():
	case err := <-h.failed:
		h.failed <- err
	}
}

// stop stops the stages in the data's order, each when the one before it is
// done, and returns the first failure. After the main server it waits for the
// window that the last reaction is in to go out.
func (h *house) stop() error {
	for _, r := range h.stages {
		r.stop()
		<-r.done
		if r.name == "serve" && len(h.failed) == 0 {
			h.lastWindow()
		}
	}
	select {
	case err := <-h.failed:
		return err
	default:
		return nil
	}
}

// lastWindow waits until the window of the last reaction has been shown: at most
// its length and a second.
func (h *house) lastWindow() {
	last := h.main.ingest.LastAccepted()
	if last.IsZero() {
		return
	}
	shown := last.Truncate(h.window).Add(h.window + time.Second)
	t := time.NewTimer(time.Until(shown))
	defer t.Stop()
	select {
	case <-t.C:
	case err := <-h.failed:
		h.failed <- err
	}
}

// describe tells a person where everything is and how to try it.
func (h *house) describe(io streams) {
	a := h.addresses
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(io.err, format+"\n", args...) }
	p("Emostream %s", version)
	p("")
	p("  main server   %s", a.Ready)
	for _, s := range a.Subscribers {
		p("  %-12s  %s/v1/swarm  (%s)", s.Name, s.URL, s.Cluster)
	}
	p("  kafka         %s", strings.Join(a.Broker, ","))
	if a.Data != "" {
		p("  log           %s", a.Data)
	}
	if a.Metrics != "" {
		p("  metrics       %s", a.Metrics)
	}
	server := ""
	if a.Ready != defaultServer {
		server = " --server " + a.Ready
	}
	p("")
	p("Watch in another terminal:   emostream watch%s", server)
	p("Send from a third:           emostream send 🔥 🎉%s", server)
	p("or with curl:")
	p("")
	p(`  curl -X POST %s/send_emoji -H 'Content-Type: application/json' -d '{"user_id":"ann","emoji_type":"🔥"}'`, a.Ready)
	p("")
}

// announce says that all is ready.
func (h *house) announce(io streams, asJSON bool) {
	if asJSON {
		_ = json.NewEncoder(io.out).Encode(h.addresses)
		return
	}
	_, _ = fmt.Fprintf(io.out, "ready %s\n", h.addresses.Ready)
}
