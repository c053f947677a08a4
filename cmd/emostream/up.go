package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
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
	dashboard    dashboardFlags
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
  emostream up --dashboard
  emostream up --port 0 --ephemeral -o json
  emostream up --brokers kafka1:9092      # on your own Kafka`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd, io) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.host, "host", "127.0.0.1", "address to serve on")
	fl.StringVar(&f.subscribe.publicURL, "public-url", "", "URL that clients reach this machine under, like http://host, the ports are added; default the addresses served on")
	fl.IntVar(&f.port, "port", 5000, "port of the main server; the subscriber servers take the ones after it; 0: free ones for all")
	fl.IntVar(&f.subscribers, "subscribers", 6, "number of subscriber servers")
	fl.IntVar(&f.clusters, "clusters", 2, "number of clusters that they are divided into")
	fl.StringVar(&f.brokerListen, "broker-listen", "localhost:9092", "address of the embedded broker; a free port with --port 0 unless it is given")
	fl.StringSliceVar(&f.brokers, "brokers", nil, "use this Kafka cluster instead of the embedded broker")
	f.addRest(cmd)
	f.broker.add(cmd)
	f.serve.add(cmd)
	f.aggregate.add(cmd)
	f.publish.addTop(cmd)
	f.subscribe.add(cmd)
	f.logFlags.add(cmd, "warn")
	f.addMetrics(cmd)
	f.out.add(cmd)
	f.dashboard.add(cmd)
	return cmd
}

// run starts every stage in the data's order and, in the end, stops them in the
// same order, so that what was accepted is shown.
func (f *upFlags) run(cmd *cobra.Command, io streams) error {
	asJSON, err := f.out.json()
	if err != nil {
		return err
	}
	log, err := f.dashboard.logger(&f.logFlags, cmd, io)
	if err != nil {
		return err
	}
	if err := errors.Join(f.checkBroker(given(cmd)), f.check(), f.dashboard.check(io, asJSON)); err != nil {
		return err
	}
	if f.port == 0 && !cmd.Flags().Changed("broker-listen") {
		f.brokerListen = "localhost:0"
	}
	if f.dashboard.on {
		return onScreen(cmd.Context(), io, func(ctx context.Context) error {
			return f.pipeline(ctx, log, func(p *pipeline) error { return f.dashboard.show(ctx, io, p) })
		})
	}
	return f.pipeline(cmd.Context(), log, func(p *pipeline) error {
		if !asJSON {
			p.addresses.describe(io)
		}
		return p.run(cmd.Context(), func() { p.addresses.announce(io, asJSON) })
	})
}

// pipeline has run run everything, and cleans up after it.
func (f *upFlags) pipeline(ctx context.Context, log *slog.Logger, run func(*pipeline) error) error {
	p, err := f.build(ctx, log)
	if err != nil {
		return err
	}
	defer p.close()
	return run(p)
}

func (f *upFlags) check() error {
	switch {
	case f.subscribers < 1 || f.subscribers > 999:
		return usagef("--subscribers %d: want 1 to 999", f.subscribers)
	case f.clusters < 1 || f.clusters > f.subscribers:
		return usagef("--clusters %d: want 1 to the number of subscriber servers, %d", f.clusters, f.subscribers)
	case f.subscribe.publicURL == "" && unspecified(f.host):
		return usagef("--host %s is open on every address: give --public-url, like http://host, which clients reach this machine under", f.host)
	case f.subscribe.publicURL != "" && !publicBase.MatchString(f.subscribe.publicURL):
		return usagef("--public-url %.60q: want http://host or https://host, without a port", f.subscribe.publicURL)
	case f.port < 0 || f.port+f.subscribers > 65535:
		return usagef("--port %d: want 0, or 1 to %d so that %d subscriber servers fit behind it", f.port, 65535-f.subscribers, f.subscribers)
	}
	if host, _, err := net.SplitHostPort(f.brokerListen); err == nil && unspecified(host) {
		return usagef("--broker-listen %s has no host that clients could connect to: give one, as in localhost:9092", f.brokerListen)
	}
	if len(f.brokers) == 0 && f.anything() {
		return usagef("--tls and --sasl are for a Kafka of your own, and --brokers does not name one: the embedded broker has neither, and listens on this machine")
	}
	if f.publish.top < 1 {
		return usagef("--top %d: want at least 1", f.publish.top)
	}
	return errors.Join(f.aggregate.check(), f.kafkaFlags.check())
}

// checkBroker refuses flags of the embedded broker beside a Kafka that takes its place.
func (f *upFlags) checkBroker(given func(string) bool) error {
	for _, name := range []string{"ephemeral", "data-dir", "broker-listen", "fsync", "retention", "retention-bytes"} {
		if len(f.brokers) > 0 && given(name) {
			return usagef("--%s is for the embedded broker, and --brokers names a Kafka of your own: leave one of them out", name)
		}
	}
	return nil
}

// build binds every address, opens the broker and lays the pipeline out in the
// data's order, which is the picture of ARCHITECTURE.md from left to right.
func (f *upFlags) build(ctx context.Context, log *slog.Logger) (p *pipeline, err error) {
	p = &pipeline{log: log, failed: make(chan error, 1)}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	mainLn, subLns, err := f.bind(ctx, p)
	if err != nil {
		return p, err
	}
	if len(f.brokers) == 0 {
		if err := f.openBroker(ctx, p); err != nil {
			return p, err
		}
	}
	client, err := f.open("up", log)
	if err != nil {
		return p, err
	}
	p.cleanup(client.Close)
	registry := newRegistry()
	p.metrics = registry
	f.lateness = f.aggregate.lateness
	s := stage{&f.stageFlags, client, log, registry}
	at := &p.addresses
	at.Ready, at.Brokers = f.urlOf(mainLn), f.brokers

	if p.main, err = newMain(s, f.serve); err != nil {
		return p, err
	}
	p.window = f.aggregate.window
	f.aggregate.claimed = func(string, int) { p.claims.Add(1) }
	p.add("serve", func(ctx context.Context) error { return p.main.run(ctx, mainLn) })
	p.add("aggregate", func(ctx context.Context) error { return runAggregate(ctx, s, f.aggregate) })
	clusters := numbered("cluster_%d", f.clusters)
	publish := publishFlags{roles: []string{"main", "cluster"}, clusters: clusters, top: f.publish.top}
	p.add("publish", func(ctx context.Context) error { return runPublish(ctx, s, publish) })
	for i, name := range numbered("sub%d", f.subscribers) {
		s, sub, ln := s, f.subscribe, subLns[i]
		s.metrics = prometheus.WrapRegistererWith(prometheus.Labels{"server": name}, registry)
		sub.publicURL, sub.lateness = f.urlOf(ln), f.aggregate.lateness
		sub.origins = f.serve.protection.origins
		sub.name, sub.cluster = name, clusters[i*f.clusters/f.subscribers]
		srv, servers, err := newFanout(s, sub, ln)
		if err != nil {
			return p, err
		}
		at.Subscribers = append(at.Subscribers, subscriber{name, sub.cluster, srv.Fanout.URL()})
		p.add(name, func(ctx context.Context) error { return runSubscribe(ctx, s, name, srv, servers, ln) })
	}
	if p.broker != nil {
		p.add("broker", p.broker.Run)
	}
	if f.metricsListen != "" {
		ln, err := listenMetrics(ctx, f.metricsListen)
		if err != nil {
			return p, err
		}
		at.Metrics = "http://" + ln.Addr().String() + "/metrics"
		p.add("metrics", func(ctx context.Context) error { return serveMetrics(ctx, ln, registry) })
	}
	return p, nil
}

// bind takes the port of the main server and the ones after it.
func (f *upFlags) bind(ctx context.Context, p *pipeline) (mainLn net.Listener, subLns []net.Listener, err error) {
	lns := make([]net.Listener, 1+f.subscribers)
	for i := range lns {
		port := 0
		if f.port > 0 {
			port = f.port + i
		}
		if lns[i], err = listen(ctx, net.JoinHostPort(f.host, strconv.Itoa(port)), "--port", "emostream up --port 5050"); err != nil {
			return nil, nil, err
		}
		p.cleanup(func() { _ = lns[i].Close() })
	}
	return lns[0], lns[1:], nil
}

// openBroker opens the embedded broker and makes it the one that all use.
func (f *upFlags) openBroker(ctx context.Context, p *pipeline) error {
	cfg, err := f.broker.config(f.brokerListen)
	if err != nil {
		return err
	}
	cfg.Logger = p.log
	p.broker, err = openBroker(ctx, cfg, "--broker-listen", "emostream up --broker-listen localhost:9192")
	if err != nil {
		return err
	}
	p.cleanup(func() { _ = p.broker.Close() })
	p.addresses.embedded = true
	f.brokers, p.addresses.Data = []string{p.broker.Addr()}, cfg.DataDir
	return nil
}

// numbered returns n names, from 1 on.
func numbered(format string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf(format, i+1)
	}
	return names
}
