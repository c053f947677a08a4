package doctor

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/wire"
)

// Server is a subscriber server as its heartbeats describe it.
type Server struct {
	wire.ServerStatus
	Age     time.Duration // of the last heartbeat
	Rival   string        // URL of another server with the same name; empty: there is none
	Answers bool          // it answers at its URL, asked from here
	NoHost  bool          // the host of its URL cannot be looked up from here
	Orphan  bool          // its cluster has no topic
	// TicketKey tells which key has signed its last heartbeat, and is the same for the same
	// key; empty: none has.
	TicketKey string
	// Untrusted says why its certificate is not trusted here; nil: it is, or it shows none.
	Untrusted error

	// Forwarded says that it ignores an X-Forwarded-For, of a peer that is not named as
	// a proxy.
	Forwarded bool
	// Uninvited is the origin of the main server's page, if pages of it may not listen there;
	// empty: they may, or there is no page.
	Uninvited string
}

// Foreign is what was written to emostream-servers and cannot be heartbeats.
type Foreign struct {
	Topic   string
	Records int
	Offset  int64  // of the last one
	Reason  string // why it is none
}

// Servers says whether there are servers that clients can listen to. servers does not
// hold those that have announced that they leave.
func Servers(servers []Server, foreign Foreign) []Finding {
	l := findings{area: areaServers}
	if foreign.Records > 0 {
		l.wrong(foreign.Topic, fmt.Sprintf("%s cannot be heartbeats of its servers; the last is at offset %d: %.200s", many(foreign.Records, "record"), foreign.Offset, foreign.Reason),
			"another program writes there, and who can do that can send clients elsewhere", "let nobody but subscribe and serve write to it (docs/kafka-security.md)")
	}
	checker := ticketChecker(servers)
	for _, s := range servers {
		switch {
		case s.Rival != "":
			l.wrong(s.Name, fmt.Sprintf("two servers claim the name, at %s and %s", s.URL, s.Rival),
				"clients are sent now to the one, now to the other, and neither is counted right", "stop one, or give it another --name")
		case s.Age > roster.Timeout:
			l.wrong(s.Name, fmt.Sprintf("silent for %s; it was at %s", about(s.Age), s.URL),
				"it died, or cannot reach Kafka; clients are sent elsewhere", "start it again, or let it be: it is forgotten after "+roster.Lookback.String())
		case s.Untrusted != nil:
			l.untrusted(s)
		case !s.Answers && loopback(s.URL):
			l.wrong(s.Name, fmt.Sprintf("it tells clients to come to %s, which does not answer here", s.URL),
				"that address is only for its own machine", "start it with --public-url, the URL that clients reach it under")
		case s.NoHost:
			l.wrong(s.Name, fmt.Sprintf("it tells clients to come to %s, and the name of that host cannot be looked up", s.URL),
				"clients are sent there in vain, unless they are told the name elsewhere", "start it with a --public-url that clients reach it under")
		case !s.Answers:
			l.note(s.Name, s.URL+" does not answer from here", "clients are sent there", "see that they reach it; --public-url is what they are told")
		case s.Orphan:
			l.wrong(s.Name, fmt.Sprintf("its %s has no topic: nobody publishes to it", s.Cluster), "its listeners see nothing",
				"name the cluster in publish --clusters, or another one in subscribe --cluster")
		case !l.sameTickets(s, checker):
		case s.Forwarded:
			l.forwarded(s.Name)
		case s.Uninvited != "":
			l.note(s.Name, "it does not invite the page that the main server hands out at "+s.Uninvited, "whoever opens the page there taps, and sees nothing of the others",
				"start subscribe with --cors-origin and the origin by which people open the page, as in --cors-origin "+s.Uninvited)
		default:
			l.ok(s.Name, "%s, %d/%d listeners", s.URL, s.Clients, s.Capacity)
		}
	}
	if len(servers) == 0 {
		l.note("subscriber servers", "none is announced", "register has nowhere to send clients to", "start emostream subscribe")
	}
	return l.all
}

// ticketChecker returns the first server that is alive, checks tickets and signs; nil: none
// does.
func ticketChecker(servers []Server) *Server {
	for i, s := range servers {
		if s.Tickets && s.TicketKey != "" && s.Age <= roster.Timeout {
			return &servers[i]
		}
	}
	return nil
}

// sameTickets reports a server that lets in others than checker, and returns whether it does
// as that one.
func (l *findings) sameTickets(s Server, checker *Server) bool {
	const nobody = "main servers with keys send nobody there"
	switch {
	case s.Tickets && s.TicketKey == "":
		l.wrong(s.Name, "it says that it checks tickets, and its heartbeat is not signed", nobody, "see who writes that heartbeat: a subscribe with --ticket-key-file signs its own")
	case checker == nil:
		return true
	case s.Tickets && s.TicketKey != checker.TicketKey:
		l.wrong(s.Name, fmt.Sprintf("its heartbeats are signed with another key than those of %s", checker.Name),
			"a main server may have the key of only one of them, and then sends nobody to the other",
			"give all servers the same --ticket-key-file; while keys are replaced, wait until all have read the new file")
	case !s.Tickets:
		l.note(s.Name, fmt.Sprintf("it lets in who has no ticket, and %s does not", checker.Name), nobody, "give it the --ticket-key-file of the others")
	default:
		return true
	}
	return false
}

// untrusted reports a server whose certificate is not trusted.
func (l *findings) untrusted(s Server) {
	found := fmt.Sprintf("its certificate is not to be trusted at %s: %s", s.URL, strings.TrimPrefix(s.Untrusted.Error(), "x509: "))
	if _, unknown := errors.AsType[x509.UnknownAuthorityError](s.Untrusted); unknown {
		l.note(s.Name, found, "clients that trust it no more than this machine does cannot listen",
			"if an authority of your own signed it, name its file, as in doctor --cacert ca.pem, and to clients; otherwise give --https-cert a certificate with its chain")
		return
	}
	l.wrong(s.Name, found, "clients are sent there, and cannot listen",
		"give --https-cert a certificate that is valid for the host of --public-url: the server reads it again by itself")
}

// forwarded notes that a server ignores X-Forwarded-For.
func (l *findings) forwarded(server string) {
	l.note(server, "it ignores X-Forwarded-For, which comes from a peer that is not named as a proxy",
		"behind that proxy all clients count as one address, which gets a quarter of each bound; or a client has made the header up",
		"name the proxy in --trusted-proxies of serve and subscribe; the log says which peer it is")
}

// loopback says whether a URL can be reached only from its own machine.
func loopback(base string) bool {
	u, err := url.Parse(base)
	return err == nil && onlyHere(u.Hostname())
}

// onlyHere says whether a host can be reached only from its own machine.
func onlyHere(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
