package main

import (
	"context"
	"errors"
	"net"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server"
	"github.com/emostream/emostream/server/fanout"
)

// subscribeFlags are the settings of subscribe.
type subscribeFlags struct {
	name      string
	cluster   string
	capacity  int
	accepts   int // how many listeners a second
	publicURL string
	stall     time.Duration
	repeats   int
	lateness  time.Duration // of aggregate; 0: aggregate's default
	windows   int64         // bytes of memory for them; 0: fanout's default
	proxies   proxiesFlag
	origins   originsFlag
	pages     *httpserve.PageServer // its pages may listen; nil: of none
	https     httpsFlags
	access    accessFlags
	tickets   ticketFlag
}

func (f *subscribeFlags) add(cmd *cobra.Command) {
	cmd.Flags().IntVar(&f.capacity, "capacity", 10_000, "most listeners of a subscriber server")
	cmd.Flags().IntVar(&f.accepts, "accept-rate", 2000, "most listeners that a subscriber server takes in a second; others are asked to come back within a few seconds")
	cmd.Flags().DurationVar(&f.stall, "stall-timeout", 10*time.Second, "how long a listener may not read before it is cut off")
	cmd.Flags().IntVar(&f.repeats, "repeats", 100, "how often an emoji comes at most for one window in the stream of single emojis")
}

func newSubscribe(io streams) *cobra.Command {
	var (
		flags     stageFlags
		subscribe subscribeFlags
		addr      string
	)
	cmd := &cobra.Command{
		Use:   "subscribe",
		Short: "Send the crowd's mood to listeners, over Server-Sent Events",
		Long: `Subscribe is a subscriber server: it reads the topic of its name (sub1 reads sub_1)
and sends every swarm to those who listen at /v1/swarm, or as single emojis at
/sub1. It announces itself, so that /register of the main server sends clients here.`,
		Example: `  emostream subscribe --name sub1
  emostream subscribe --name sub7 --cluster cluster_2 \
    --listen 0.0.0.0:5007 --public-url http://host:5007`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			at, err := subscribeAddress(addr, subscribe.name)
			if err != nil {
				return err
			}
			ln, err := listen(cmd.Context(), at, "--listen", "emostream subscribe --listen 127.0.0.1:0")
			if err != nil {
				return err
			}
			flags.hosts.publicURL = subscribe.publicURL
			return flags.run(cmd.Context(), io, "subscribe-"+subscribe.name, func(ctx context.Context, s stage) error {
				if err := subscribe.https.open(s.log, s.metrics); err != nil {
					return errors.Join(err, ln.Close())
				}
				a, err := subscribe.admission(s)
				if err != nil {
					return errors.Join(err, ln.Close())
				}
				srv, err := newSubscriber(s, subscribe, a, ln)
				if err != nil {
					return errors.Join(err, ln.Close())
				}
				s.log.Info("serving", "name", subscribe.name, "url", subscribe.https.urlAt(ln.Addr().String()))
				g, ctx := errgroup.WithContext(ctx)
				g.Go(func() error { return a.keepKeys(ctx, s) })
				g.Go(func() error { return srv.run(ctx, ln) })
				return g.Wait()
			})
		},
	}
	flags.add(cmd)
	subscribe.add(cmd)
	subscribe.proxies.add(cmd)
	subscribe.origins.add(cmd)
	subscribe.https.add(cmd)
	subscribe.access.add(cmd)
	subscribe.tickets.add(cmd, ticketUsage)
	cmd.Flags().StringVar(&subscribe.name, "name", "sub1", "name of this server, sub1 to sub9999; no two may have the same")
	cmd.Flags().StringVar(&subscribe.cluster, "cluster", "cluster_1", "cluster that it belongs to")
	cmd.Flags().StringVar(&addr, "listen", "", "address to serve on, host:port, or a port on loopback; default 127.0.0.1 and the port 5000 + the number in the name")
	cmd.Flags().DurationVar(&subscribe.lateness, "lateness", windowing.DefaultLateness, "of aggregate: how far back a listener that resumes is told of windows that have grown")
	cmd.Flags().StringVar(&subscribe.publicURL, "public-url", "", "base URL that clients reach this server under; default the address it listens on")
	return cmd
}

// admission returns how the server decides which listeners to let in.
func (f *subscribeFlags) admission(s stage) (a admission, err error) {
	proxies, err := f.proxies.parse()
	if err == nil {
		a.gate, err = f.access.gate(s, proxies)
	}
	if err == nil {
		a.tickets, err = f.tickets.read()
	}
	return a, err
}

// subscribeAddress returns the address that a subscriber server listens on: the one that
// is given, or the default of its name.
func subscribeAddress(given, name string) (string, error) {
	n, err := wire.ServerNumber(name)
	if err != nil {
		return "", usagef("--name: %w", err)
	}
	if given != "" {
		return given, nil
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(5000+n)), nil
}

// subscriberServer is a subscriber server with its topics and its roster.
type subscriberServer struct {
	stage
	topic    string
	http     server.Subscriber
	servers  *rosterFollower
	controls *controlsFollower
	topics   []kafka.Topic
	keeper   *kafka.TopicKeeper // of topics
}

// newSubscriber checks the settings and builds a subscriber server for ln. Its /readyz
// answers that it is not ready until Kafka has answered.
func newSubscriber(s stage, f subscribeFlags, a admission, ln net.Listener) (*subscriberServer, error) {
	url, err := publicURL(f.publicURL, ln, f.https)
	if err != nil {
		return nil, err
	}
	if err := checkClusters("--cluster", f.cluster); err != nil {
		return nil, err
	}
	if f.capacity < 1 || f.repeats < 1 || f.accepts < 1 || f.stall < time.Second {
		return nil, usagef("--capacity, --repeats and --accept-rate want at least 1, and --stall-timeout at least 1s")
	}
	origins, err := f.origins.parse()
	if err != nil {
		return nil, err
	}
	if f.pages != nil {
		origins = origins.WithPagesOf(*f.pages)
	}
	hosts, err := s.hosts.check()
	if err != nil {
		return nil, err
	}
	proxies, err := f.proxies.parse()
	if err != nil {
		return nil, err
	}
	topic := s.names().Server(f.name)
	over := s.passedOver.Reporter("subscribe", s.metrics)
	servers, set := newRosterFollower(s.client, s.names(), a.tickets, over), newControlsFollower(s, "subscribe", over)
	layout := s.layout()
	topics := []kafka.Topic{layout.ServerTopic(f.name), layout.ServersTopic()}
	keeper := kafka.NewTopicKeeper(s.client, topics...)
	fan := fanout.New(fanout.Config{
		Name: f.name, Cluster: f.cluster, URL: url, Topic: topic, Version: version,
		Capacity: f.capacity, AcceptRate: f.accepts, Proxies: proxies, WindowBytes: f.windows, StallTimeout: f.stall, Repeats: f.repeats, Lateness: f.lateness,
		Log: s.client.Reader(topic, 0), Heartbeats: s.client.Writer(s.names().Servers()), Servers: servers.roster, Controls: set.table, Gate: a.gate, Tickets: a.tickets,
		TopicsGone: keeper.Err, Logger: s.log, Metrics: s.metrics, PassedOver: over,
	})
	return &subscriberServer{stage: s, topic: topic, servers: servers, controls: set, topics: topics, keeper: keeper, http: server.Subscriber{
		Fanout: fan, Hosts: hosts, Origins: origins, Proxies: proxies, Certificate: f.https.certificate, MaxConnections: f.capacity + spareConnections, Logger: s.log, Metrics: s.metrics,
	}}, nil
}

// spareConnections is how many connections a subscriber server takes beside those of its
// listeners: of clients that it refuses, and of who asks how it is.
const spareConnections = 256

// ringHistory is how far back a subscriber server reads swarms when it starts, for
// listeners that resume.
const ringHistory = 5 * time.Minute

// run serves on ln until ctx ends. It begins at once, even without Kafka.
func (s *subscriberServer) run(ctx context.Context, ln net.Listener) error {
	g, ctx := errgroup.WithContext(ctx)
	drained := make(chan struct{})
	g.Go(func() error {
		defer close(drained)
		return s.http.Serve(ctx, ln)
	})
	g.Go(func() error {
		if err := ensureTopics(ctx, s.client, s.log, s.topics...); err != nil {
			return err
		}
		g.Go(func() error { return s.keeper.Run(ctx) })
		_, end, err := s.client.Offsets(ctx, s.topic, 0)
		if err != nil {
			return err
		}
		from, err := s.client.OffsetAt(ctx, s.topic, 0, time.Now().Add(-ringHistory))
		if err != nil {
			return err
		}
		g.Go(func() error { return s.controls.run(ctx) })
		g.Go(func() error { return s.servers.run(ctx) })
		if err := errors.Join(s.servers.waitCaughtUp(ctx), s.controls.waitRead(ctx)); err != nil {
			return err
		}
		return s.http.Fanout.Run(ctx, from, end, drained)
	})
	return g.Wait()
}
