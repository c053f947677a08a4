package doctor

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/httpserve"
)

// Port is an address that a server of up needs, and what was found there.
type Port struct {
	Address string
	For     string // the server that needs it: "the main server", "sub1"
	Free    bool
	Ours    bool   // a server of Emostream answers there
	Unready string // why that server is not ready; empty: it is
	// Forwarded says that the main server ignores an X-Forwarded-For, of a peer that is
	// not named as a proxy. Subscriber servers are asked at their URLs.
	Forwarded bool
	Open      []httpserve.Opening // what strangers may do there without a limit
	Keys      string              // why the keys of tokens cannot be read there; empty: they can
	// Certificate tells the certificate that the server shows over HTTPS from others, and
	// CertificateEnds how long it is valid; 0: it speaks HTTP, or is not ours.
	Certificate     string
	CertificateEnds time.Duration
	Owner           string // the process that holds it, if it is not ours and known
	Err             string // if nobody holds it: why it cannot be listened on
}

// Ports says whether up, or the single stages, could listen. settled says that nothing
// is wrong with brokers and topics; only then a server that is not ready is reported,
// since it has a fault of its own.
func Ports(ports []Port, settled bool) []Finding {
	l := findings{area: areaPorts}
	ending := map[string]bool{} // certificates of which that was said
	for _, p := range ports {
		if p.CertificateEnds != 0 && p.CertificateEnds < certificateEndsSoon && !ending[p.Certificate] {
			ending[p.Certificate] = true
			l.certificateEnds(p, ports)
		}
		switch {
		case p.Ours && p.Unready != "" && settled:
			l.wrong(p.Address, fmt.Sprintf("%s is up and not ready: %s", p.For, p.Unready),
				"it takes nothing in", "see its log; /readyz says when it is ready")
		case p.Forwarded, p.Keys != "", len(p.Open) > 0:
			if p.Keys != "" {
				l.wrong(p.Address, "the keys of tokens cannot be read: "+p.Keys, "new keys are not known there, and removed ones hold",
					"see that --auth-keys names a file or an address that is right, and can be reached from there")
			}
			if p.Forwarded {
				l.forwarded(p.Address)
			}
			l.open(p)
		case p.Ours && ending[p.Certificate]:
		case p.Ours:
			l.ok(p.Address, "held by a server of Emostream")
		case p.Free:
			l.ok(p.Address, "free for %s", p.For)
		case p.Err != "":
			l.wrong(p.Address, p.Err, p.For+" cannot listen there", "choose other ports, as in emostream up --port 5050")
		default:
			owner := ""
			if p.Owner != "" {
				owner = " by " + p.Owner
			}
			l.wrong(p.Address, "held"+owner+", which is not a server of Emostream", p.For+" cannot listen there",
				"stop that one, or choose other ports, as in emostream up --port 5050")
		}
	}
	return l.all
}

// certificateEndsSoon is how long before a certificate expires that is said, as the alert
// does.
const certificateEndsSoon = 48 * time.Hour

// certificateEnds reports the certificate of a server, which others may show, too.
func (l *findings) certificateEnds(p Port, all []Port) {
	var of []string
	for _, other := range all {
		if other.CertificateEnds != 0 && other.Certificate == p.Certificate {
			of = append(of, other.For)
		}
	}
	const renewIt = "renew the files of --https-cert and --https-key: the servers read them again by themselves"
	whose := "the certificate of " + strings.Join(of, ", ")
	if p.CertificateEnds < 0 {
		l.wrong(p.Address, fmt.Sprintf("%s expired %s ago", whose, about(-p.CertificateEnds)), "no client trusts it", renewIt)
		return
	}
	l.note(p.Address, fmt.Sprintf("%s expires in %s", whose, about(p.CertificateEnds)), "then no client trusts it", renewIt)
}

// open reports what strangers may do at a server without a limit.
func (l *findings) open(p Port) {
	for _, o := range p.Open {
		switch o {
		case httpserve.AnyChannel:
			l.note(p.Address, "others can reach it, and any name of a channel may be used", "whoever invents names takes memory in every stage, and places of --max-channels",
				"name those that are used, as in serve --channels main,stage-*")
		case httpserve.NoAddressLimit:
			l.note(p.Address, "others can reach it, and one address may send any number of reactions", "one stranger can fill the log",
				"leave --limit-address none out, or give a rate")
		}
	}
}

// wantedPorts returns the addresses of the servers of up.
func wantedPorts(host string, first, subscribers int) (ports []Port) {
	for i := range 1 + subscribers {
		p := Port{Address: net.JoinHostPort(host, strconv.Itoa(first+i)), For: fmt.Sprintf("sub%d", i)}
		if i == 0 {
			p.For = mainServer
		}
		ports = append(ports, p)
	}
	return ports
}

// probe finds out who listens on a port. It first asks for an answer, and tries to bind
// the port only if no server of Emostream answers.
func (p *Port) probe(ctx context.Context) {
	// Here nobody is told anything, so that any certificate is taken: it need not be made
	// out to this address.
	by := client.FollowRedirects(&http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}) //nolint:gosec // see above
	for _, scheme := range []string{"http://", "https://"} {
		var said health
		if p.Ours, p.Unready, said = ours(ctx, by, scheme+p.Address); p.Ours {
			p.Forwarded = p.For == mainServer && said.forwarded()
			p.Open, p.Keys, p.Certificate, p.CertificateEnds = said.Open, said.Keys, said.certificate, said.certificateEnds
			return
		}
	}
	ln, err := httpserve.Listen(ctx, p.Address)
	if err == nil {
		p.Free = ln.Close() == nil
		return
	}
	if failed, ok := errors.AsType[*httpserve.ListenError](err); ok && failed.InUse() {
		p.Owner = failed.Owner
	} else if ok {
		p.Err = failed.Err.Error()
	}
}

// maxAnswer is how many bytes of an answer are read.
const maxAnswer = 4 << 10

// mainServer is what Port.For says of the main server.
const mainServer = "the main server"

// health is what a server says of itself, at /healthz unless noted.
type health struct {
	Status    string              `json:"status"`
	Forwarded string              `json:"x_forwarded_for"`
	Open      []httpserve.Opening `json:"-"` // as /readyz says
	Keys      string              `json:"-"` // as /readyz says

	certificate     string // see Port
	certificateEnds time.Duration
}

func (h health) forwarded() bool { return h.Forwarded == "ignored" }

// ours says whether a server of Emostream answers at a URL, and returns what it says of
// itself. If that server is not ready, it returns why.
func ours(ctx context.Context, by *http.Client, url string) (yes bool, unready string, said health) {
	if code, err := get(ctx, by, url+"/healthz", &said); err != nil || code != http.StatusOK || said.Status != "ok" {
		return false, "", said
	}
	var ready struct {
		Status, Error, Keys string
		Open                []httpserve.Opening
	}
	code, err := get(ctx, by, url+"/readyz", &ready)
	switch {
	case err != nil || code == http.StatusOK:
		said.Open, said.Keys = ready.Open, ready.Keys
		return err == nil && ready.Status == "ready", "", said
	case ready.Error == "":
		return false, "", said
	}
	return true, ready.Error, said
}

// get reads a small JSON object from a URL into v.
func get(ctx context.Context, by *http.Client, url string, v any) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	res, err := by.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if said, ok := v.(*health); ok && res.TLS != nil {
		shown := res.TLS.PeerCertificates[0]
		said.certificate, said.certificateEnds = string(shown.Raw), time.Until(shown.NotAfter)
	}
	return res.StatusCode, json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(v)
}
