package main

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/emostream/emostream/internal/emoji"
	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/quota"
	"github.com/emostream/emostream/server"
	"github.com/emostream/emostream/server/access"
	"github.com/emostream/emostream/server/control"
	"github.com/emostream/emostream/server/ingest"
	"github.com/emostream/emostream/server/registry"
	"github.com/emostream/emostream/server/web"
)

// serveFlags are the settings of serve.
type serveFlags struct {
	linger         time.Duration
	maxBatch       int
	produceTimeout time.Duration
	channels       []string
	maxChannels    int
	emojis         []string
	assign         string
	limits         limitFlags
	https          httpsFlags
	access         accessFlags
	tickets        ticketFlag
	web            webFlags
	ownTickets     bool // a key of tickets is made up if none is given
}

func (f *serveFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.DurationVar(&f.linger, "linger", 2*time.Millisecond, "how long reactions wait at most for a batch in flight to return before they go beside it")
	fl.IntVar(&f.maxBatch, "max-batch", 10_000, "most reactions in one batch")
	fl.DurationVar(&f.produceTimeout, "produce-timeout", 5*time.Second, "how long a reaction may take to be acknowledged by Kafka before it is refused")
	fl.StringSliceVar(&f.channels, "channels", nil, "channels that may be used, as in main,stage-*; default any")
	fl.IntVar(&f.maxChannels, "max-channels", 1000, "most channels active at once; one address may bring in a quarter of them, or 16 if that is more")
	fl.StringSliceVar(&f.emojis, "emojis", nil, "take these emojis only, as in 🔥,:tada:; default all")
	fl.Var(newEnumFlag(&f.assign, string(registry.LeastLoaded), string(registry.LeastLoaded), string(registry.TwoChoices)), "assign", "how clients are spread over subscriber servers: least-loaded or two-choices")
	f.web.add(cmd)
	f.limits.add(cmd)
	f.access.add(cmd)
	f.tickets.add(cmd, ticketUsage)
}

func newServe(io streams) *cobra.Command {
	var (
		flags stageFlags
		serve serveFlags
		addr  string
	)
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Take reactions in over HTTP, and tell clients where to watch",
		Long: `Serve is the main server: it takes reactions in and answers when Kafka has
acknowledged them, and it assigns clients to subscriber servers. Any number of
copies can run behind a load balancer.`,
		Example: `  emostream serve --brokers kafka1:9092,kafka2:9092
  curl -X POST localhost:5000/send_emoji -H 'Content-Type: application/json' \
    -d '{"user_id":"ann","emoji_type":"🔥"}'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ln, err := listen(cmd.Context(), addr, "--listen", "emostream serve --listen 127.0.0.1:5050")
			if err != nil {
				return err
			}
			return flags.run(cmd.Context(), io, "serve", func(ctx context.Context, s stage) error {
				if err := serve.https.open(s.log, s.metrics); err != nil {
					return errors.Join(err, ln.Close())
				}
				m, err := newMain(s, serve)
				if err != nil {
					return errors.Join(err, ln.Close())
				}
				url := serve.https.urlAt(ln.Addr().String())
				s.log.Info("serving", append([]any{"url", url}, serve.web.shown(url)...)...)
				return m.run(ctx, ln)
			})
		},
	}
	flags.add(cmd)
	serve.add(cmd)
	serve.https.add(cmd)
	cmd.Flags().StringVar(&addr, "listen", "127.0.0.1:5000", "address to serve on, host:port, or a port on loopback")
	return cmd
}

// mainServer is the main server with its producer and its roster of subscriber servers.
type mainServer struct {
	stage
	ingest *ingest.Handler
	admission
	producer *kafka.Producer
	servers  *rosterFollower
	controls *controlsFollower
	http     server.Main
	open     []httpserve.Opening // what strangers may do without a limit, if they can reach the server
	proxied  bool                // requests come through proxies

	mu         sync.Mutex
	kafkaAsked time.Time     // when Kafka was last asked whether it takes reactions
	kafkaErr   error         // what it answered
	kafkaAway  []error       // what is wrong with the partitions that take no reactions
	ahead      []string      // what is to be said of partitions whose watermark is ahead
	clockAhead time.Duration // how far this machine's clock is ahead of the brokers'; 0 until it is known
	window     time.Duration // how long a window is, as aggregate says; 0 until it is known
}

// newMain checks the settings and builds the main server. It does not connect to Kafka.
func newMain(s stage, f serveFlags) (*mainServer, error) {
	strategy, err := registry.ParseStrategy(f.assign)
	if err != nil {
		return nil, usagef("--assign: %w", err)
	}
	if f.linger < 0 || f.linger > time.Second || f.maxBatch < ingest.MaxRecords || f.produceTimeout < 100*time.Millisecond || f.maxChannels < 1 {
		return nil, usagef("--linger is 0 to 1s, --max-batch at least %d (what a bulk request hands over at once), --max-channels at least 1, and --produce-timeout at least 100ms", ingest.MaxRecords)
	}
	var allowed []emoji.Emoji
	for _, name := range f.emojis {
		e, err := emoji.Parse(name)
		if err != nil {
			return nil, usagef("--emojis: %w", err)
		}
		allowed = append(allowed, e)
	}
	channels, err := ingest.ParseChannels(f.channels)
	if err != nil {
		return nil, usagef("--channels: %w", err)
	}
	bounds, err := f.limits.bounds()
	if err != nil {
		return nil, err
	}
	quotas, err := f.limits.quotas()
	if err != nil {
		return nil, err
	}
	proxies, err := f.limits.proxies.parse()
	if err != nil {
		return nil, err
	}
	origins, err := f.limits.origins.parse()
	if err != nil {
		return nil, err
	}
	if err := f.web.check(); err != nil {
		return nil, err
	}
	hosts, err := s.hosts.check()
	if err != nil {
		return nil, err
	}
	gate, err := f.access.gate(s, proxies)
	if err != nil {
		return nil, err
	}
	tickets, err := f.tickets.ticketsFor(gate, f.ownTickets)
	if err != nil {
		return nil, err
	}
	over := s.passedOver.Reporter("serve", s.metrics)
	m := &mainServer{stage: s, admission: admission{gate, tickets}, servers: newRosterFollower(s.client, s.names(), tickets, over), controls: newControlsFollower(s, "serve", over)}
	m.controls.table.Logger = s.log
	m.producer = kafka.NewProducer(s.client, kafka.ProducerConfig{
		Topic: s.names().Reactions(), Linger: f.linger, MaxBatch: f.maxBatch, Timeout: f.produceTimeout,
		Logger: s.log, Metrics: s.metrics,
	})
	bounds.LogFull = m.producer.Full
	m.ingest = ingest.New(ingest.Config{
		Log: m.producer, Channels: channels, MaxChannels: f.maxChannels, Allowed: allowed, Bounds: bounds, Quotas: quotas, Proxies: proxies, Gate: gate, Controls: m.controls.table, Window: m.windowLength, LoginURL: f.web.loginURL,
		Logger: s.log, Metrics: s.metrics,
	})
	anybody := !gate.NeedsToken(access.Send)
	if anybody && channels.Any() {
		m.open = append(m.open, httpserve.AnyChannel)
	}
	if anybody && quotas.Address == (quota.Rate{}) {
		m.open = append(m.open, httpserve.NoAddressLimit)
	}
	m.proxied = len(proxies) > 0
	sites := httpserve.SiteCheck{Names: hosts.Names, Invited: origins, Advice: "let the operator invite its origin with --cors-origin, or register by a program"}
	m.http = server.Main{
		Ingest: m.ingest, Registry: registry.New(registry.Config{Servers: m.servers.roster, Strategy: strategy, Proxies: proxies, Sites: sites, Gate: gate, Tickets: tickets, CheckChannel: channels.Check, Controls: m.controls.table, Metrics: s.metrics}),
		Control: control.New(control.Config{Gate: gate, Editor: m.controls.editor, Unfollowed: m.controls.unfollowed, CheckChannel: channels.Check, Logger: s.log}),
		Ready:   m.ready, Ahead: m.watermarksAhead, Keys: func() error { return gate.Status().Err }, Drain: f.produceTimeout + time.Second, DrainDelay: f.limits.drainDelay,
		MaxConnections: f.limits.maxConnections, ReadTimeout: f.limits.readTimeout, IdleTimeout: f.limits.idleTimeout,
		Certificate: f.https.certificate, Proxies: proxies, Hosts: hosts, Origins: origins, Logger: s.log, Metrics: s.metrics,
	}
	if f.web.on {
		m.http.Web = &web.Handler{Framers: f.web.framers}
	}
	return m, nil
}

// openings returns what strangers may do without a limit, and logs it. If only this
// machine can reach the server, there are none to do it.
func (m *mainServer) openings(listen net.Addr) []httpserve.Opening {
	if tcp, ok := listen.(*net.TCPAddr); ok && tcp.IP.IsLoopback() && !m.proxied {
		return nil
	}
	for _, o := range m.open {
		switch o {
		case httpserve.AnyChannel:
			m.log.Warn("strangers may use any name of a channel: --channels main says which are used")
		case httpserve.NoAddressLimit:
			m.log.Warn("one address may send any number of reactions: --limit-address none says so")
		}
	}
	return m.open
}

// run serves on ln until ctx ends. It begins at once, even without Kafka. In the end
// the producer and the roster go on until the requests in flight are answered.
func (m *mainServer) run(ctx context.Context, ln net.Listener) error {
	g, ctx := errgroup.WithContext(ctx)
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	m.addGauges(ctx)
	m.http.Open = m.openings(ln.Addr())
	g.Go(func() error {
		defer stop()
		return m.http.Serve(ctx, ln)
	})
	g.Go(func() error { return m.producer.Run(serving) })
	g.Go(func() error { return m.keepKeys(serving, m.stage) })
	g.Go(func() error {
		layout := m.layout()
		topics := []kafka.Topic{layout.ReactionsTopic(), layout.ServersTopic()}
		if err := ensureTopics(serving, m.client, m.log, topics...); err != nil {
			return err
		}
		g.Go(func() error { return kafka.NewTopicKeeper(m.client, topics...).Run(serving) })
		g.Go(func() error { return m.compareClocks(serving) })
		g.Go(func() error { return m.followWatermarks(serving) })
		g.Go(func() error { return m.controls.run(serving) })
		g.Go(func() error { return m.controls.sweep(serving, m.clock) })
		return m.servers.run(serving)
	})
	return g.Wait()
}
