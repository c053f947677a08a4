package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/emostream/emostream/internal/broker"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/internal/wire"
)

// Config says what to examine. Open and Timeout must be set.
type Config struct {
	// Open returns a client of the brokers at these addresses.
	Open    func(brokers ...string) (*kafka.Client, error)
	Brokers []string // host:port
	Names   wire.Topics
	// Group returns the full name of the consumer group of a role.
	Group func(role string) string

	Server      string // base URL of the main server, whose page subscriber servers should invite; empty: they are not asked
	Host        string
	Port        int // of the main server; subscriber servers have the ports after it; 0: any
	Subscribers int

	Clients   int   // how many clients one process should be able to have
	OpenFiles int64 // how many files a process may open; 0: not known

	DataDir string // of the embedded broker; empty: there is none
	// DataWanted says to examine the data folder even if --brokers names a Kafka
	// cluster.
	DataWanted bool

	// Window and Lateness are the user's settings; 0: not set.
	Window, Lateness time.Duration
	MaxSkew          time.Duration // by which a clock may be off

	Screen       Screen
	SettingsFile string
	Settings     []Setting

	// Keys reads the keys of tokens; nil: there are none.
	Keys func(context.Context) TokenKeys

	TLS     *tls.Config   // whose certificates clients trust; nil: what the system trusts
	Timeout time.Duration // for each question to another process
}

// Examine checks every area, and returns the findings in the order of the areas. If ctx
// ends, it returns soon, with the error of ctx.
func Examine(ctx context.Context, cfg Config) ([]Finding, error) {
	var (
		waiting     sync.WaitGroup
		ports       = []Port{}
		told        = make([]Broker, len(cfg.Brokers))
		advertised  []Broker
		portResults []Finding
		keys        TokenKeys
	)
	if cfg.Keys != nil {
		waiting.Go(func() { cfg.bounded(ctx, func(ctx context.Context) { keys = cfg.Keys(ctx) }) })
	}
	if cfg.Port > 0 {
		ports = wantedPorts(cfg.Host, cfg.Port, cfg.Subscribers)
	}
	for i := range ports {
		waiting.Go(func() { cfg.bounded(ctx, ports[i].probe) })
	}
	for i, address := range cfg.Brokers {
		told[i].Address = address
		waiting.Go(func() { cfg.bounded(ctx, func(ctx context.Context) { told[i].probe(ctx, cfg.Open) }) })
	}
	waiting.Wait()
	cluster := answering(told)
	if cluster != nil {
		for _, n := range cluster.Brokers {
			advertised = append(advertised, Broker{Address: n.Address, ID: n.ID})
		}
		for i := range advertised {
			waiting.Go(func() { cfg.bounded(ctx, func(ctx context.Context) { advertised[i].probe(ctx, cfg.Open) }) })
		}
		waiting.Wait()
	}
	brokers := Brokers(told, advertised)
	var inside []Finding
	switch {
	case cluster == nil:
		inside = beyond("no broker answers")
	case slices.ContainsFunc(advertised, func(b Broker) bool { return b.Err != nil }):
		inside = beyond("not every broker can be reached")
	default:
		inside = cfg.inside(ctx, *cluster, !well(brokers))
	}
	portResults = Ports(ports, well(brokers) && well(inside))
	if len(ports) == 0 {
		portResults = skipped(areaPorts, "ports", "--port 0 takes free ones")
	}
	return slices.Concat(
		Settings(cfg.SettingsFile, cfg.Settings), KeysOfTokens(keys), portResults, brokers, inside,
		Files(cfg.OpenFiles, cfg.Clients), cfg.folder(cluster, told, advertised), Terminal(cfg.Screen),
	), ctx.Err()
}

// bounded calls f with a context that ends after Timeout.
func (c Config) bounded(ctx context.Context, f func(context.Context)) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	f(ctx)
}

// answering returns the cluster as the first broker that answers describes it, or nil
// if none answers.
func answering(told []Broker) *kafka.ClusterState {
	for i := range told {
		if told[i].Err == nil {
			return &told[i].Cluster
		}
	}
	return nil
}

// beyond returns skipped findings of all areas that need Kafka, for when it cannot be
// used from here.
func beyond(because string) (all []Finding) {
	for _, area := range []string{areaTopics, areaCounting, areaClock, areaServers} {
		all = append(all, skipped(area, area, because)...)
	}
	return all
}

// folder checks the data folder, unless the log is in a Kafka cluster.
func (c Config) folder(cluster *kafka.ClusterState, told, advertised []Broker) []Finding {
	if !broker.CanKeepLog {
		return skipped(areaData, "data folder", "on this system the log is in memory")
	}
	if c.DataDir == "" {
		return skipped(areaData, "data folder", "there is no home folder to keep it in")
	}
	if cluster != nil && cluster.ID != wire.EmbeddedClusterID && !c.DataWanted {
		return skipped(areaData, "data folder", "the log is kept by Kafka")
	}
	d := Data{Dir: c.DataDir, Wanted: c.DataWanted, Folder: broker.InspectFolder(c.DataDir), Free: freeBelow(c.DataDir)}
	for _, b := range slices.Concat(told, advertised) {
		if b.Err == nil || b.Stage == Answer {
			d.Brokers = append(d.Brokers, b.Address)
		}
	}
	return Folder(d)
}

// freeBelow returns the free bytes of the disk on which a folder is, or would be made.
func freeBelow(dir string) int64 {
	for {
		if n := freeBytes(dir); n >= 0 {
			return n
		}
		up := filepath.Dir(dir)
		if up == dir {
			return -1
		}
		dir = up
	}
}

// inside checks topics, counting, clock and servers of a cluster that answers. away
// says that something is wrong with its brokers.
func (c Config) inside(ctx context.Context, cluster kafka.ClusterState, away bool) []Finding {
	client, err := c.Open(c.Brokers...)
	if err != nil {
		return failed(areaTopics, err)
	}
	defer client.Close()
	s := &session{Config: c, client: client, cluster: cluster}
	topics, err := s.topics(ctx)
	if err != nil {
		return slices.Concat(failed(areaTopics, err), skipped(areaCounting, areaCounting, "the topics could not be looked at"))
	}
	need := Need{
		Brokers: len(cluster.Brokers), Embedded: cluster.ID == wire.EmbeddedClusterID, Away: away, MaxSkew: c.MaxSkew,
		Window:   cmp.Or(time.Duration(s.mark.WindowMS)*time.Millisecond, c.Window, windowing.DefaultWindow),
		Lateness: cmp.Or(time.Duration(s.mark.LatenessMS)*time.Millisecond, c.Lateness, windowing.DefaultLateness),
	}
	topics[0].Want = kafka.Layout{Names: c.Names, Lateness: need.Lateness}.ReactionsTopic() // the lateness is known only now
	found := Topics(topics, need)
	clock := s.clock(ctx) // before the others, which compute ages by the brokers' clock
	contents := s.contents(ctx, topics)
	var counting, servers, set []Finding
	var asking sync.WaitGroup
	asking.Go(func() {
		if counting = skipped(areaCounting, areaCounting, "not every topic can be read to its end"); well(contents) {
			counting = s.counting(ctx, need.Window+need.Lateness)
		}
	})
	asking.Go(func() { servers = s.servers(ctx) })
	asking.Go(func() { set = s.controls(ctx) })
	asking.Wait()
	return slices.Concat(found, contents, counting, clock, servers, set)
}

// failed returns the finding of an area whose check ended with an error.
func failed(area string, err error) []Finding {
	l := findings{area: area}
	text := err.Error()
	if errors.Is(err, context.DeadlineExceeded) {
		text = "no answer in time"
	}
	l.wrong(area, "cannot be looked at: "+text, "the stages cannot either", "see the log of the brokers; --timeout gives them more time")
	return l.all
}
