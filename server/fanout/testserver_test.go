package fanout_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/proof/contract/contracttest"
	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server"
	"github.com/emostream/emostream/server/fanout"
)

// topic is a partition in memory.
type topic struct {
	mu      sync.Mutex
	start   int64 // offset of the first record
	records []stream.Record
	changed chan struct{} // closed at every change
	held    bool          // nothing can be read while it is set
	broken  error         // the error of every read
}

func newTopic() *topic { return &topic{changed: make(chan struct{})} }

func (l *topic) change(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
	close(l.changed)
	l.changed = make(chan struct{})
}

// publish appends swarms.
func (l *topic) publish(swarms ...wire.Swarm) {
	l.change(func() {
		for _, s := range swarms {
			l.records = append(l.records, stream.Record{Value: encode(s)})
		}
	})
}

func (l *topic) end() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.start + int64(len(l.records))
}

func (l *topic) Fetch(ctx context.Context, offset int64, wait time.Duration) (stream.Batch, error) {
	waited := time.NewTimer(wait)
	defer waited.Stop()
	for {
		l.mu.Lock()
		end, changed, held, err := l.start+int64(len(l.records)), l.changed, l.held, l.broken
		b := stream.Batch{Next: offset, HighWatermark: end}
		if err == nil && (offset < l.start || offset > end) {
			err = &stream.OutOfRangeError{Topic: "sub_1", Offset: offset, Start: l.start, End: end}
		}
		if err == nil && !held {
			for i, r := range l.records[offset-l.start:] {
				r.Offset = offset + int64(i)
				b.Records = append(b.Records, r)
			}
			b.Next = end
		}
		l.mu.Unlock()
		if err != nil || len(b.Records) > 0 {
			return b, err
		}
		select {
		case <-changed:
		case <-waited.C:
			return b, nil
		case <-ctx.Done():
			return b, ctx.Err()
		}
	}
}

// announcements is the topic emostream-servers, with a roster that follows it at once.
type announcements struct {
	roster roster.Roster

	mu    sync.Mutex
	beats []beat
	all   []stream.Record // as they were written
	hung  bool            // nothing can be written

	delay time.Duration // from the write of a heartbeat until the roster has it
}

type beat struct {
	wire.ServerStatus
	at time.Time
}

func (a *announcements) Write(ctx context.Context, partition int, records []stream.Record) error {
	a.mu.Lock()
	hung := a.hung
	a.mu.Unlock()
	if hung {
		<-ctx.Done()
		return ctx.Err()
	}
	for _, r := range records {
		a.mu.Lock()
		a.all = append(a.all, r)
		a.mu.Unlock()
		s, err := wire.Topics{}.DecodeServerStatus(r.Key, r.Value)
		if err != nil || partition != 0 || string(r.Key) != s.Name || r.Time != time.Now().UnixMilli() {
			return errors.Join(errors.New("no heartbeat"), err)
		}
		if a.delay > 0 {
			time.AfterFunc(a.delay, func() { a.hear(s) })
			continue
		}
		a.hear(s)
	}
	return nil
}

// written returns the records of all heartbeats so far.
func (a *announcements) written() []stream.Record {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.all)
}

func (a *announcements) hear(s wire.ServerStatus) {
	a.roster.Apply(s, time.Now())
	a.mu.Lock()
	defer a.mu.Unlock()
	a.beats = append(a.beats, beat{s, time.Now()})
}

// heard returns all heartbeats so far.
func (a *announcements) heard() []beat {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.beats)
}

// pipes is a network without sockets, so that synctest sees its goroutines wait.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.conns <- far:
		return near, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Close() error { p.once.Do(func() { close(p.closed) }); return nil }

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

// installation is a subscriber server with all that it needs to run.
type installation struct {
	*fanout.Server
	topic   *topic
	servers *announcements
	net     *pipes // in a bubble
	client  *http.Client
	bare    http.RoundTripper // of client, without a check of events; in a bubble
	header  http.Header       // of requests for streams
	metrics *prometheus.Registry

	stop   func()     // asks it to stop
	ran    chan error // what Run returned
	served chan error // what Serve returned
}

// start starts sub1 in a synctest bubble. Its topic may hold records already.
func start(t *testing.T, log *topic, cfg fanout.Config) *installation {
	t.Helper()
	net := newPipes()
	in := serve(t, log, cfg, net)
	transport := &http.Transport{DialContext: net.dial}
	in.net, in.bare, in.client = net, transport, &http.Client{Transport: contracttest.Streams(t, transport)}
	t.Cleanup(transport.CloseIdleConnections)
	return in
}

// serve runs sub1 on a listener until the test ends.
func serve(t *testing.T, log *topic, cfg fanout.Config, ln net.Listener) *installation {
	t.Helper()
	in := &installation{topic: log, servers: &announcements{}, metrics: prometheus.NewRegistry(), ran: make(chan error, 1), served: make(chan error, 1)}
	cfg.Name, cfg.URL, cfg.Topic, cfg.Version = "sub1", "http://emo", "sub_1", "v1"
	cfg.Log, cfg.Heartbeats, cfg.Servers, cfg.Metrics = log, in.servers, &in.servers.roster, in.metrics
	in.Server = fanout.New(cfg)
	origins, err := httpserve.ParseOrigins([]string{"*"}) // so that every answer has one more header
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(contracttest.Context(t))
	in.stop = cancel
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		in.served <- (&server.Subscriber{Fanout: in.Server, Origins: origins}).Serve(ctx, ln)
	}()
	end := log.end()
	go func() { in.ran <- in.Run(ctx, 0, end, drained) }()
	t.Cleanup(func() {
		cancel()
		<-drained
		select {
		case err := <-in.served:
			if err != nil {
				t.Errorf("serve: %v", err)
			}
		default: // the test has looked at it
		}
	})
	return in
}

// metric returns the value of a counter or gauge.
func (in *installation) metric(t *testing.T, name string) float64 {
	t.Helper()
	return metricIn(t, in.metrics, name)
}

// metricIn returns the value of a counter or gauge of a registry.
func metricIn(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "emostream_subscribe_"+name {
			return f.GetMetric()[0].GetCounter().GetValue() + f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}
