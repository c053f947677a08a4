package main

import (
	"bytes"
	"net"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
)

// argsOf returns the arguments of emostream in a command line as Linux shows it, nil if
// that runs another program. Before emostream there may be an init that runs it, with a
// user or a folder of that name. A command follows only where it is the program.
func argsOf(cmdline []byte) []string {
	var words []string
	for word := range bytes.SplitSeq(bytes.TrimSuffix(cmdline, []byte{0}), []byte{0}) {
		words = append(words, string(word))
	}
	for i, word := range words {
		if filepath.Base(word) != "emostream" {
			continue
		}
		if cmd, _, err := newRoot(streams{}).Find(words[i+1:]); err == nil && cmd.HasParent() {
			return words[i+1:]
		}
	}
	return nil
}

// healthURLs returns where the server can be asked that runs with args. If args is nil,
// that is not known: then it is where the settings put up or serve, or their default.
// Which of the two runs is not known either, so that there may be a URL of each.
func healthURLs(args []string, lookup func(string) (string, bool)) ([]string, error) {
	if args != nil {
		url, _, err := healthURL(args, lookup)
		return []string{url}, err
	}
	var urls []string
	for _, name := range []string{"up", "serve"} {
		switch url, isSet, err := healthURL([]string{name}, lookup); {
		case err != nil:
			return nil, err
		case isSet && !slices.Contains(urls, url):
			urls = append(urls, url)
		}
	}
	if len(urls) == 0 {
		urls = []string{defaultServer + "/readyz"}
	}
	return urls, nil
}

// healthURL returns where the server that runs with args can be asked, and whether that
// is set, or the default.
func healthURL(args []string, lookup func(string) (string, bool)) (url string, isSet bool, err error) {
	cmd, rest, err := newRoot(streams{}).Find(args)
	if err != nil {
		return "", false, usagef("%w", err)
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return "", false, flagError(cmd, err)
	}
	s, err := loadSettings(cmd, lookup)
	if err != nil {
		return "", false, err
	}
	if err := s.apply(cmd); err != nil {
		return "", false, err
	}
	var addr string
	path := "/readyz"
	value := func(name string) string {
		f := cmd.Flag(name)
		if f == nil {
			return ""
		}
		isSet = isSet || originOf(f).Kind != fromDefault
		return f.Value.String()
	}
	switch cmd.Name() {
	case "up":
		addr = net.JoinHostPort(bareHost(value("host")), value("port"))
	case "serve":
		addr = value("listen")
	case "subscribe":
		addr, err = subscribeAddress(value("listen"), value("name"))
	default:
		addr, path = value("metrics-listen"), "/metrics"
	}
	if err != nil {
		return "", false, err
	}
	host, port, err := net.SplitHostPort(onLoopback(addr))
	if err != nil || port == "" || port == "0" {
		return "", false, usagef("%s cannot be asked at %q: give the URL, as in emostream healthcheck http://localhost:5000/readyz%s", cmd.CommandPath(), addr, metricsHint(cmd))
	}
	at := httpsFlags{}
	if path == "/readyz" { // metrics are served without TLS
		at.cert = value("https-cert")
	}
	return at.urlAt(net.JoinHostPort(host, port)) + path, isSet, nil
}

// metricsHint says how a stage that has no address gets one.
func metricsHint(cmd *cobra.Command) string {
	if cmd.Flag("metrics-listen") == nil {
		return ""
	}
	return ", or the command --metrics-listen"
}
