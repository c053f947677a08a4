package main

import (
	"fmt"
	"strings"
)

// addresses are the addresses of all that up runs, as -o json prints them.
type addresses struct {
	Ready       string       `json:"ready"`          // URL of the main server
	Page        string       `json:"page,omitempty"` // URL of the page to tap on
	Brokers     []string     `json:"brokers"`
	Data        string       `json:"data,omitempty"` // folder of the embedded broker's log
	Metrics     string       `json:"metrics,omitempty"`
	Subscribers []subscriber `json:"subscribers"`

	embedded bool   // the broker is the embedded one
	caCert   string // file of the certificate, if this machine does not trust it otherwise; empty: it does, or there is none
	tokens   bool   // who sends must show a token
	login    bool   // the page knows where people get one
}

// subscriber is the address of a subscriber server.
type subscriber struct {
	Name    string `json:"name"`
	Cluster string `json:"cluster"`
	URL     string `json:"url"`
}

// print tells a person where everything is and how to try it.
func (a addresses) print(io streams) {
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(io.err, format+"\n", args...) }
	if a.Page != "" {
		p("Open %s in a browser%s.", a.Page, a.howToSignIn())
		p("")
	}
	p("Emostream %s", version)
	p("")
	p("  main server   %s", a.Ready)
	for _, s := range a.Subscribers {
		p("  %-12s  %s/v1/swarm  (%s)", s.Name, s.URL, s.Cluster)
	}
	p("  kafka         %s", strings.Join(a.Brokers, ","))
	switch {
	case a.Data != "":
		p("  log           %s", a.Data)
	case a.embedded:
		p("  log           in memory")
	}
	if a.Metrics != "" {
		p("  metrics       %s", a.Metrics)
	}
	server := a.serverFlag()
	p("")
	if a.tokens {
		p("Who sends needs a token; in development emostream token new makes one:")
		p("")
		p("  emostream send 🔥 🎉%s --token-file FILE", server)
		p("")
		return
	}
	p("Watch in another terminal:   emostream watch%s", server)
	p("Send from a third:           emostream send 🔥 🎉%s", server)
	p("or with curl:")
	p("")
	p(`  curl%s -X POST %s/send_emoji \`, a.caCertFlag(), a.Ready)
	p(`    -H 'Content-Type: application/json' -d '{"user_id":"ann","emoji_type":"🔥"}'`)
	p("")
}

// howToSignIn says how the page gets the token of who sends; empty if it needs none.
func (a addresses) howToSignIn() string {
	switch {
	case !a.tokens:
		return ""
	case a.login:
		return ": it leads to the login"
	}
	return ", with #token=TOKEN behind the address"
}

// serverFlag returns the flags with which clients find the main server, and trust it; empty
// if it is at the default address.
func (a addresses) serverFlag() string {
	if a.Ready == defaultServer {
		return ""
	}
	return " --server " + a.Ready + a.caCertFlag()
}

// caCertFlag returns the flag with which our clients and curl trust the servers; empty if
// they do without.
func (a addresses) caCertFlag() string {
	if a.caCert == "" {
		return ""
	}
	return " --cacert " + a.caCert
}

// printReady says on stdout that everything is ready: "ready URL", or all addresses as
// JSON.
func (a addresses) printReady(io streams, asJSON bool) {
	if asJSON {
		_ = writeJSON(io.out, a)
		return
	}
	_, _ = fmt.Fprintf(io.out, "ready %s\n", a.Ready)
}
