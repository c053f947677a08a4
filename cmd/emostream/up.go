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

	"github.com/emostream/emostream/internal/broker"
	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/passedover"
	"github.com/emostream/emostream/server/access"
)

func newUp(io streams) *cobra.Command {
	var f upFlags
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run everything in one process, on an embedded broker",
		Long: `Up runs the whole pipeline in one process: the embedded broker, the main server,
the aggregator, the publishers and the subscriber servers. The log is kept between
runs. It prints the address of a page to tap on, those of the servers and, when all is
ready, the line "ready URL" on stdout.`,
		Example: `  emostream up
  emostream up --dashboard
  emostream up --port 0 --ephemeral -o json
  emostream up --brokers kafka1:9092      # on your own Kafka`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd, io) },
	}
	f.add(cmd)
	return cmd
}

// run starts all stages. In the end it stops them in the order in which reactions pass
// through them, so that what was accepted is shown.
func (f *upFlags) run(cmd *cobra.Command, io streams) error {
	asJSON := f.out.json()
	log := f.dashboard.logger(&f.logFlags, cmd, io)
	if err := errors.Join(f.checkBroker(given(cmd)), f.check(), f.dashboard.check(io, asJSON)); err != nil {
		return err
	}
	if note := f.brokersNote(cmd); note != "" {
		_, _ = fmt.Fprintln(io.err, "emostream: "+note)
	}
	if f.port == 0 && !cmd.Flags().Changed("broker-listen") {
		f.brokerListen = "localhost:0"
	}
	if f.dashboard.on {
		return runFullscreen(cmd.Context(), io, func(ctx context.Context) error {
			p, err := f.build(ctx, log)
			if err != nil {
				return err
			}
			defer p.close()
			return f.dashboard.show(ctx, io, p)
		})
	}
	p, err := f.build(cmd.Context(), log)
	if err != nil {
		return err
	}
	defer p.close()
	if !asJSON {
		p.addresses.print(io)
	}
	return p.run(cmd.Context(), func() { p.addresses.printReady(io, asJSON) })
}

// build builds the pipeline, in the order in which reactions pass through the stages.
// That is the picture of ARCHITECTURE.md from left to right. Every address is bound
// here. The stages begin to work with pipeline.run, and each creates the topics that it
// uses.
func (f *upFlags) build(ctx context.Context, log *slog.Logger) (p *pipeline, err error) {
	p = &pipeline{log: log, failed: make(chan error, 1), window: f.aggregate.window}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	mainLn, subLns, err := f.bind(ctx, p)
	if err != nil {
		return p, err
	}

	registry := newRegistry()
	p.metrics = registry
	if err := f.https.open(log, registry); err != nil {
		return p, err
	}
	f.serve.https, f.subscribe.https = f.https, f.https

	// The log: the embedded broker, or the Kafka that --brokers names.
	if len(f.brokers) == 0 {
		if err := f.openBroker(ctx, p, registry); err != nil {
			return p, err
		}
	}
	f.lateness = f.aggregate.lateness // emoji-topic has a setting that depends on it, see kafkaFlags
	f.hosts.publicURL = f.subscribe.publicURL
	client, err := f.open("up", log)
	if err != nil {
		return p, err
	}
	p.onClose(client.Close)
	s := stage{&f.stageFlags, client, log, registry, passedover.NewLog(log)}
	p.addresses.Ready, p.addresses.Brokers = f.urlOf(mainLn), f.brokers
	p.addresses.caCert = f.https.untrusted(p.addresses.Ready)

	// People -> serve -> emoji-topic.
	f.serve.ownTickets = true
	if p.main, err = newMain(s, f.serve); err != nil {
		return p, err
	}
	p.addresses.tokens, p.addresses.login = p.main.gate.NeedsToken(access.Send), f.serve.web.loginURL != ""
	if f.serve.web.on {
		p.addresses.Page = pageOf(p.addresses.Ready)
		f.subscribe.pages = &httpserve.PageServer{Addr: mainLn.Addr(), Scheme: f.https.scheme(), Names: p.main.http.Hosts.Names, PublicURL: p.addresses.Ready}
	}
	p.main.window = f.aggregate.window
	p.addStage("serve", func(ctx context.Context) error { return p.main.run(ctx, mainLn) })

	// emoji-topic -> combine -> emoji-partials -> reduce -> emoji-aggregated.
	f.aggregate.claimed = func(string, int) { p.claims.Add(1) }
	p.addStage("aggregate", func(ctx context.Context) error { return runAggregate(ctx, s, f.aggregate) })

	// emoji-aggregated -> main -> cluster_1 ... cluster_N -> cluster -> sub_1 ... sub_N.
	clusters := numbered("cluster_%d", f.clusters)
	publish := publishFlags{roles: []string{"main", "cluster"}, clusters: clusters, top: f.publish.top, lateness: f.aggregate.lateness}
	p.addStage("publish", func(ctx context.Context) error { return runPublish(ctx, s, publish, p.main.tickets) })

	// sub_1 ... sub_N -> the subscriber servers -> people.
	for i, name := range numbered("sub%d", f.subscribers) {
		if err := f.addSubscriber(p, s, name, clusters[i*f.clusters/f.subscribers], subLns[i]); err != nil {
			return p, err
		}
	}

	if p.broker != nil {
		p.addStage("broker", p.broker.Run)
	}
	return p, f.addMetricsListener(ctx, p, registry)
}

// addSubscriber adds a subscriber server that listens on ln. Its metrics have its name
// as a label.
func (f *upFlags) addSubscriber(p *pipeline, s stage, name, cluster string, ln net.Listener) error {
	s.metrics = prometheus.WrapRegistererWith(prometheus.Labels{"server": name}, s.metrics)
	flags := f.subscribe
	flags.name, flags.cluster, flags.publicURL = name, cluster, f.urlOf(ln)
	flags.windows = windowBytes(f.subscribers)
	flags.lateness, flags.origins, flags.proxies = f.aggregate.lateness, f.serve.limits.origins, f.serve.limits.proxies
	srv, err := newSubscriber(s, flags, p.main.admission, ln)
	if err != nil {
		return err
	}
	p.addresses.Subscribers = append(p.addresses.Subscribers, subscriber{name, cluster, srv.http.Fanout.URL()})
	p.addStage(name, func(ctx context.Context) error { return srv.run(ctx, ln) })
	return nil
}

// windowBytes returns how much memory each subscriber server of up has for windows: a
// share of 128 MiB, and at most as much as one alone has, 64 MiB. With 4 MiB each it
// still has 64 windows of some channels, and the newest of hundreds.
func windowBytes(subscribers int) int64 {
	return max(4<<20, min(64<<20, 128<<20/int64(subscribers)))
}

// addMetricsListener adds the listener of --metrics-listen, if there is to be one.
func (f *upFlags) addMetricsListener(ctx context.Context, p *pipeline, registry *prometheus.Registry) error {
	metrics, err := f.newMetricsServer(registry, p.log)
	if metrics == nil {
		return err
	}
	ln, err := metrics.listen(ctx)
	if err != nil {
		return err
	}
	p.addresses.Metrics = urlAt(ln.Addr().String()) + "/metrics"
	p.addStage("metrics", func(ctx context.Context) error { return metrics.serve(ctx, ln) })
	return nil
}

// bind binds the port of the main server and the ones after it.
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
		p.onClose(func() { _ = lns[i].Close() })
	}
	return lns[0], lns[1:], nil
}

// openBroker opens the embedded broker, and lets all stages use it.
func (f *upFlags) openBroker(ctx context.Context, p *pipeline, reg prometheus.Registerer) error {
	cfg, err := f.broker.config(f.brokerListen)
	if err != nil {
		return err
	}
	cfg.Logger, cfg.Metrics, cfg.Consumers = p.log, reg, broker.ConsumersOf(f.names(), f.groupPrefix)
	p.broker, err = openBroker(ctx, cfg, "--broker-listen", "emostream up --broker-listen localhost:9192")
	if err != nil {
		return err
	}
	p.onClose(func() { _ = p.broker.Close() })
	p.addresses.embedded = true
	f.brokers, p.addresses.Data = []string{p.broker.Addr()}, cfg.DataDir
	return nil
}

// numbered returns n names, with the numbers from 1 on.
func numbered(format string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf(format, i+1)
	}
	return names
}
