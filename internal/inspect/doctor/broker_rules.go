package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/wire"
)

// Broker is an address at which there should be a broker, and what was found there.
type Broker struct {
	Address  string
	ID       int      // the broker's id; only of brokers that the cluster advertises
	Err      error    // why it cannot be used; nil: it answers
	Stage    string   // where Err happened: Resolve, Connect or Answer
	Owner    string   // the process of this machine that listens there and is no broker, if known
	Unspoken []string // the requests that it does not understand
	Cluster  kafka.ClusterState
}

// The stages at which a connection to a broker can fail.
const (
	Resolve = "resolve"
	Connect = "connect"
	Answer  = "answer"
)

// Brokers says whether the cluster can be used from here. told are the brokers named in
// --brokers, advertised those that the cluster names itself.
func Brokers(told, advertised []Broker) []Finding {
	l := findings{area: areaBrokers}
	cluster := answering(told)
	for _, b := range told {
		l.told(b, cluster != nil)
	}
	if cluster == nil {
		return l.all
	}
	for _, b := range told {
		if b.Err == nil && b.Cluster.ID != cluster.ID {
			l.wrong("cluster", fmt.Sprintf("%s belongs to cluster %s, and others to %s", b.Address, b.Cluster.ID, cluster.ID),
				"reactions would be spread over two logs", "name the brokers of one cluster with --brokers")
		}
	}
	for _, b := range advertised {
		said := slices.ContainsFunc(told, func(t Broker) bool { return t.Err != nil && t.Address == b.Address })
		if !said {
			l.advertised(b)
		}
	}
	l.cluster(*cluster)
	return l.all
}

func (l *findings) told(b Broker, others bool) {
	switch {
	case b.Err == nil && len(b.Unspoken) > 0:
		l.wrong(b.Address, "it does not understand "+strings.Join(b.Unspoken, ", "),
			"the stages cannot write, read or share work with it", "use Apache Kafka 3.0 or newer (tested with 4.1.1)")
	case b.Err == nil:
		l.ok(b.Address, "answers, and knows every request needed")
	case b.Stage == Answer:
		held := "something listens there"
		if b.Owner != "" {
			held = b.Owner + " listens there"
		}
		if timedOut(b.Err) {
			l.wrong(b.Address, held+", and gives no answer in time", "nothing can be written or read",
				"see its log if it is a broker (--timeout gives it more time), else say where Kafka is with --brokers")
			return
		}
		if kafka.Permanent(b.Err) {
			l.wrong(b.Address, "it is not to be used like this: "+cause(b.Err), "nothing can be written or read",
				"correct --tls, --sasl-mechanism and their like, or say where Kafka is with --brokers")
			return
		}
		l.wrong(b.Address, held+", and does not speak Kafka's protocol: "+cause(b.Err),
			"nothing can be written or read", "say where Kafka is with --brokers, and how it is spoken to, if it wants TLS or a login: --tls, --sasl-mechanism")
	case others:
		l.wrong(b.Address, failure(b), "it cannot stand in when the other brokers are away", "start it, or take it out of --brokers")
	default:
		l.wrong(b.Address, failure(b), "nothing can be written or read",
			"start emostream up (or emostream broker, or your Kafka), or say where Kafka is with --brokers")
	}
}

// failure returns a text that says why nobody answers at an address.
func failure(b Broker) string {
	if b.Stage == Resolve {
		return "the name cannot be resolved: " + cause(b.Err)
	}
	return "nothing answers there: " + cause(b.Err)
}

// cause returns the text of the operating system's error, without the addresses that
// package net adds.
func cause(err error) string {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return dns.Err
	}
	if timedOut(err) {
		return "no answer in time"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	if sys, ok := errors.AsType[*os.SyscallError](err); ok {
		err = sys.Err
	}
	return err.Error()
}

func timedOut(err error) bool {
	n, ok := errors.AsType[net.Error](err)
	return ok && n.Timeout() || errors.Is(err, context.DeadlineExceeded)
}

func (l *findings) advertised(b Broker) {
	check := fmt.Sprintf("broker %d", b.ID)
	switch {
	case b.Err != nil:
		l.wrong(check, fmt.Sprintf("the cluster says that it is at %s, and there %s", b.Address, failure(b)),
			"clients connect to what brokers advertise, whatever --brokers says",
			"let advertised.listeners of that broker (--advertise of emostream broker) name an address that this machine reaches")
	case len(b.Unspoken) > 0:
		l.wrong(check, fmt.Sprintf("%s does not understand %s", b.Address, strings.Join(b.Unspoken, ", ")),
			"the stages cannot write, read or share work with it", "use Apache Kafka 3.0 or newer (tested with 4.1.1)")
	default:
		l.ok(check, "advertised as %s, reachable", b.Address)
	}
}

func (l *findings) cluster(c kafka.ClusterState) {
	switch {
	case c.ID == wire.EmbeddedClusterID:
		l.ok("cluster", "%s: one broker, one copy", c.ID)
	case c.Controller == "":
		l.wrong("cluster", fmt.Sprintf("%s has %s and no controller", c.ID, many(len(c.Brokers), "broker")),
			"no topic can be made and no leader chosen", "start the controllers, and see their logs")
	case len(c.Brokers) == 1:
		l.note("cluster", c.ID+" has one broker", "one copy of the log: what is acknowledged is lost with its disk", "run three brokers where it matters")
	default:
		l.ok("cluster", "%s: %s", c.ID, many(len(c.Brokers), "broker"))
	}
}

// probe connects to the broker and asks what it understands. If that fails, it notes at
// which stage.
func (b *Broker) probe(ctx context.Context, open func(...string) (*kafka.Client, error)) {
	host, _, err := net.SplitHostPort(b.Address)
	if err != nil {
		b.Stage, b.Err = Resolve, err
		return
	}
	if _, b.Err = net.DefaultResolver.LookupHost(ctx, host); b.Err != nil {
		b.Stage = Resolve
		return
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", b.Address)
	if err != nil {
		b.Stage, b.Err = Connect, err
		return
	}
	_ = conn.Close()
	c, err := open(b.Address)
	if err == nil {
		defer c.Close()
		if b.Cluster, err = c.Cluster(ctx); err == nil {
			b.Unspoken, err = c.UnsupportedRequests(ctx)
		}
	}
	if err != nil {
		b.Stage, b.Err = Answer, err
		b.Owner = holder(ctx, b.Address)
	}
}

// holder returns the process of this machine that listens on an address, or "" if that
// is not known.
func holder(ctx context.Context, address string) string {
	ln, err := httpserve.Listen(ctx, address)
	if err == nil {
		_ = ln.Close()
		return ""
	}
	if failed, ok := errors.AsType[*httpserve.ListenError](err); ok {
		return failed.Owner
	}
	return ""
}
