package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/tui"
)

// dashboardFlags say whether up shows a dashboard in the place of its addresses and log.
type dashboardFlags struct {
	on bool
	themeFlags
	log dashboardLog
}

func (f *dashboardFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.on, "dashboard", false, "show on the whole screen how everything is")
	f.themeFlags.add(cmd)
}

// check says what is wrong with the flags, or why there can be no dashboard.
func (f *dashboardFlags) check(io streams, asJSON bool) error {
	switch {
	case !f.on:
		return f.themeFlags.check()
	case asJSON:
		return usagef("--dashboard has the screen for itself: leave -o json out")
	case !isTerminal(io.out) || !isTerminal(io.in):
		return usagef("--dashboard needs a terminal on stdin and stdout: leave it out, and use --metrics-listen to look at the pipeline from elsewhere")
	}
	return f.themeFlags.check()
}

// logger returns a logger that writes to the dashboard, or to stderr if there is none.
// On the dashboard the default level is info, as there is room for it.
func (f *dashboardFlags) logger(log *logFlags, cmd *cobra.Command, io streams) *slog.Logger {
	if !f.on {
		return log.logger(io.err)
	}
	if !cmd.Flags().Changed("log-level") {
		log.level = "info"
	}
	return f.log.logger(log.minLevel())
}

// show runs a pipeline and shows it until it has stopped.
func (f *dashboardFlags) show(ctx context.Context, io streams, p *pipeline) error {
	d := newDashboard(p, &f.log)
	var failed error
	shown := tui.ShowDashboard(ctx, f.terminal(io.in, io.out), d.snapshot, func(ctx context.Context) {
		asking, stop := context.WithCancel(context.WithoutCancel(ctx))
		var all sync.WaitGroup
		all.Go(func() { d.follow(asking) })
		all.Go(func() { d.probe(asking) })
		failed = p.run(ctx, func() {})
		stop()
		all.Wait()
	})
	if errors.Is(shown, tui.ErrAbandoned) {
		return errInterrupted
	}
	return errors.Join(failed, shown)
}

// dashboard reads the state of a pipeline inside its process: its stages, their metrics,
// heartbeats, swarms and log.
type dashboard struct {
	pipeline *pipeline
	log      *dashboardLog
	started  time.Time
	metrics  metricHistory // used by snapshot alone

	mu       sync.Mutex
	notReady error // why reactions cannot be taken in
	channels activeChannels
	records  int64 // how many emoji-topic holds
	size     int64 // bytes of the embedded broker's log on disk
}

func newDashboard(p *pipeline, log *dashboardLog) *dashboard {
	return &dashboard{pipeline: p, log: log, started: time.Now(), channels: activeChannels{}}
}

// snapshot returns what the dashboard shows now.
func (d *dashboard) snapshot() tui.PipelineSnapshot {
	now := time.Now()
	d.metrics.add(now, sumMetrics(d.pipeline.metrics))
	lines, logged := d.log.snapshot()
	d.mu.Lock()
	defer d.mu.Unlock()
	shown, others := d.channels.choose(now)
	window, _ := shown.newest.Without(d.pipeline.main.controls.table.Hidden(now))
	return tui.PipelineSnapshot{
		Version: version, Uptime: now.Sub(d.started), Stages: d.stages(), Servers: d.servers(now),
		Window: window, Totals: shown.values(), Channels: others,
		Delay: d.metrics.mean("emostream_subscribe_window_delay_seconds"),
		Facts: d.facts(), Log: lines, Logged: logged,
	}
}

// stages lists the stages in the order in which reactions pass through them. All
// subscriber servers are one stage.
func (d *dashboard) stages() []tui.Stage {
	m := &d.metrics
	count := func(name string) string { return text.Thousands(int64(m.latest(name))) }
	lag := func(name string) int64 { return int64(m.latest(name)) }
	all := []tui.Stage{
		{
			Name: "serve", Rate: m.rate("emostream_reactions_accepted_total"), Lag: -1,
			Detail: fmt.Sprintf("%s taken in, %s refused, ack %v", count("emostream_reactions_accepted_total"), count("emostream_reactions_refused_total"), m.mean("emostream_produce_seconds").Round(100*time.Microsecond)),
		},
		{
			Name: "aggregate", Rate: m.rate("emostream_aggregate_records_read_total"), Lag: lag("emostream_aggregate_lag_records"),
			Detail: fmt.Sprintf("%s windows, %s late", count("emostream_aggregate_windows_total"), count("emostream_aggregate_late_records_total")),
		},
		{
			Name: "publish", Rate: m.rate("emostream_publish_swarms_total"), Lag: lag("emostream_publish_lag_records"),
			Detail: count("emostream_publish_swarms_total") + " swarms",
		},
		{
			Name: "subscribe", Rate: m.rate("emostream_subscribe_delivered_total"), Lag: -1,
			Detail: fmt.Sprintf("%s updates to %s clients, %s skipped", count("emostream_subscribe_delivered_total"), count("emostream_subscribe_clients"), count("emostream_subscribe_skipped_total")),
		},
	}
	if d.pipeline.broker != nil {
		all = append(all, tui.Stage{Name: "broker", Rate: -1, Lag: -1, Detail: "embedded"})
	}
	for i := range all {
		s := &all[i]
		if s.State = d.state(s.Name); s.State == tui.NotReady {
			s.Detail = d.notReady.Error()
		}
	}
	return all
}

// state returns the state of a stage. For subscribe it is the worst state of all
// subscriber servers.
func (d *dashboard) state(name string) tui.State {
	order := []tui.State{tui.Stopped, tui.Running, tui.NotReady, tui.Starting, tui.Stopping, tui.Failed}
	worst := 0
	for _, r := range d.pipeline.stages {
		if r.name != name && (name != "subscribe" || !d.pipeline.isSubscriber(r.name)) {
			continue
		}
		worst = max(worst, slices.Index(order, d.stateOf(r)))
	}
	return order[worst]
}

// stateOf returns the state of one running stage.
func (d *dashboard) stateOf(r *runningStage) tui.State {
	select {
	case <-r.done:
		if r.err != nil {
			return tui.Failed
		}
		return tui.Stopped
	default:
	}
	switch {
	case r.stopping.Load():
		return tui.Stopping
	case !d.pipeline.wasReady.Load():
		return tui.Starting
	case r.name == "serve" && d.notReady != nil:
		return tui.NotReady
	}
	return tui.Running
}

// servers lists the subscriber servers, as their heartbeats say.
func (d *dashboard) servers(now time.Time) []tui.Server {
	var all []tui.Server
	for _, s := range d.pipeline.addresses.Subscribers {
		server := tui.Server{Name: s.Name, Cluster: s.Cluster, Rate: d.metrics.rate("emostream_subscribe_delivered_total/" + s.Name)}
		if e, ok := d.pipeline.main.servers.roster.Get(s.Name); ok {
			server.State, server.Clients, server.Capacity = e.State, e.Clients, e.Capacity
			if e.State != wire.StateGone && !e.Alive(now) {
				server.Silent = now.Sub(e.Heard)
			}
		}
		all = append(all, server)
	}
	return all
}

// facts lists addresses, and how large the log is.
func (d *dashboard) facts() []tui.Fact {
	at := d.pipeline.addresses
	main := tui.Fact{Name: "main", Value: at.Ready}
	if at.Page != "" { // the same, where people open it
		main = tui.Fact{Name: "page", Value: at.Page}
	}
	facts := []tui.Fact{
		main,
		{Name: "try", Value: "emostream send :fire:" + at.serverFlag()},
		{Name: "kafka", Value: strings.Join(at.Brokers, ",")},
	}
	reactions := text.Thousands(d.records) + " reactions"
	switch {
	case at.Data != "":
		facts = append(facts, tui.Fact{Name: "log", Value: reactions + ", " + mebibytes(d.size)}, tui.Fact{Name: "folder", Value: at.Data})
	case at.embedded:
		facts = append(facts, tui.Fact{Name: "log", Value: reactions + ", in memory"})
	default:
		facts = append(facts, tui.Fact{Name: "log", Value: reactions})
	}
	if at.Metrics != "" {
		facts = append(facts, tui.Fact{Name: "metrics", Value: at.Metrics})
	}
	return facts
}

// follow reads the swarms of the first cluster until ctx ends, from the present end of
// its topic on. All clusters get the same swarms.
func (d *dashboard) follow(ctx context.Context) {
	client, topic := d.pipeline.main.client, d.pipeline.main.names().Cluster(d.pipeline.addresses.Subscribers[0].Cluster)
	_, offset, err := client.Offsets(ctx, topic, 0)
	if err != nil {
		return // ctx has ended; Offsets tries again after any other error
	}
	_ = stream.Follow(ctx, client.Reader(topic, 0), offset, offset, func(b stream.Batch) { // the stages log errors of Kafka
		for _, r := range b.Records {
			if s, err := wire.DecodeSwarm(r.Value); err == nil {
				d.mu.Lock()
				d.channels.add(s)
				d.mu.Unlock()
			}
		}
	}, nil)
}

// probeInterval is how often probe asks Kafka.
const probeInterval = 2 * time.Second

// probe asks Kafka at intervals, until ctx ends, whether reactions can be taken in and
// how large the log is. So snapshot need not wait for Kafka.
func (d *dashboard) probe(ctx context.Context) {
	t := time.NewTicker(probeInterval)
	defer t.Stop()
	for {
		var ready error
		if d.pipeline.wasReady.Load() { // before that the state is Starting
			_, ready = d.pipeline.main.ready(ctx)
		}
		records := d.reactions(ctx)
		d.mu.Lock()
		d.notReady, d.records = ready, max(d.records, records)
		if d.pipeline.broker != nil {
			d.size = d.pipeline.broker.Size()
		}
		d.mu.Unlock()
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}

// reactions returns how many records emoji-topic holds; 0 if Kafka does not answer.
func (d *dashboard) reactions(ctx context.Context) int64 {
	ctx, cancel := context.WithTimeout(ctx, probeInterval)
	defer cancel()
	client, topic := d.pipeline.main.client, d.pipeline.main.names().Reactions()
	partitions, err := client.Partitions(ctx, topic)
	if err != nil {
		return 0
	}
	n := int64(0)
	for p := range partitions {
		start, end, err := client.Offsets(ctx, topic, p)
		if err != nil {
			return 0
		}
		n += end - start
	}
	return n
}

// mebibytes writes a number of bytes in MiB.
func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
