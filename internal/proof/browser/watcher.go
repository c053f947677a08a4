package browser

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"

	"github.com/emostream/emostream/internal/httpserve"
)

// Request is what a page has asked for.
type Request struct {
	URL    string
	Method string
	Type   string // such as Document, Script, Fetch, EventSource
	Status int64  // 0 until it is answered
	Bytes  int64  // as transferred, with headers; 0 until all is there
}

// watcher hears what a tab's pages ask for, and what goes wrong in them.
type watcher struct {
	mu       sync.Mutex
	wrong    []string
	expected []*regexp.Regexp
	requests []*Request
	byID     map[network.RequestID]*Request
	console  []string
}

func newWatcher() *watcher { return &watcher{byID: map[network.RequestID]*Request{}} }

// hear takes an event of the tab.
func (w *watcher) hear(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		w.fault("threw", exception(e.ExceptionDetails))
	case *runtime.EventConsoleAPICalled:
		text := arguments(e.Args)
		w.console = append(w.console, fmt.Sprintf("%s: %s", e.Type, text))
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeAssert {
			w.fault("console."+string(e.Type), text)
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			w.fault(string(e.Entry.Source), e.Entry.Text+" "+e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		r := &Request{URL: e.Request.URL, Method: e.Request.Method, Type: string(e.Type)}
		w.requests = append(w.requests, r)
		w.byID[e.RequestID] = r
		if !onThisMachine(r.URL) {
			w.fault("asks another machine", r.URL)
		}
	case *network.EventResponseReceived:
		if r := w.byID[e.RequestID]; r != nil {
			r.Status = e.Response.Status
		}
	case *network.EventLoadingFinished:
		if r := w.byID[e.RequestID]; r != nil {
			r.Bytes = int64(e.EncodedDataLength)
		}
	}
}

func (w *watcher) fault(kind, text string) { w.wrong = append(w.wrong, kind+": "+text) }

// faults returns what went wrong and was not expected, each once.
func (w *watcher) faults() (all []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	times := map[string]int{}
	for _, fault := range w.wrong {
		if !matchesAny(w.expected, fault) {
			if times[fault]++; times[fault] == 1 {
				all = append(all, fault)
			}
		}
	}
	for i, fault := range all {
		if times[fault] > 1 {
			all[i] = fmt.Sprintf("%s (%d times)", fault, times[fault])
		}
	}
	return all
}

func matchesAny(patterns []*regexp.Regexp, text string) bool {
	return slices.ContainsFunc(patterns, func(p *regexp.Regexp) bool { return p.MatchString(text) })
}

// Expect names faults that the test provokes, by regular expressions: console errors, exceptions, requests that fail.
func (tab *Tab) Expect(patterns ...string) {
	tab.watch.mu.Lock()
	defer tab.watch.mu.Unlock()
	for _, p := range patterns {
		tab.watch.expected = append(tab.watch.expected, regexp.MustCompile(p))
	}
}

// Faults returns what has gone wrong until now and was not expected. Whatever it returns has been dealt with, and does not
// fail the test.
func (tab *Tab) Faults() []string {
	all := tab.watch.faults()
	tab.watch.mu.Lock()
	defer tab.watch.mu.Unlock()
	tab.watch.wrong = nil
	return all
}

// Requests returns what the tab's pages have asked for until now, the oldest first.
func (tab *Tab) Requests() (all []Request) {
	tab.watch.mu.Lock()
	defer tab.watch.mu.Unlock()
	for _, r := range tab.watch.requests {
		all = append(all, *r)
	}
	return all
}

// Console returns what the tab's pages have written to the console, each line with its level in front.
func (tab *Tab) Console() []string {
	tab.watch.mu.Lock()
	defer tab.watch.mu.Unlock()
	return append([]string(nil), tab.watch.console...)
}

// onThisMachine returns whether an address is asked of nobody but this machine.
func onThisMachine(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	if u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "ws" && u.Scheme != "wss" {
		return true // data:, blob:, about:
	}
	host := u.Hostname()
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback()
	}
	return httpserve.IsLocalhost(host)
}

func exception(d *runtime.ExceptionDetails) string {
	text := d.Text
	if d.Exception != nil && d.Exception.Description != "" {
		text += " " + d.Exception.Description
	}
	return fmt.Sprintf("%s (%s:%d)", text, d.URL, d.LineNumber+1)
}

func arguments(args []*runtime.RemoteObject) string {
	said := make([]string, len(args))
	for i, a := range args {
		if said[i] = a.Description; said[i] == "" {
			said[i] = strings.Trim(string(a.Value), `"`)
		}
	}
	return strings.Join(said, " ")
}
