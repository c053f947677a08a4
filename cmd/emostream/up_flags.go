package main

import (
	"errors"
	"fmt"
	"net"

	"github.com/spf13/cobra"
)

// upFlags are the settings of up.
type upFlags struct {
	stageFlags
	broker       brokerFlags
	brokerListen string
	serve        serveFlags
	aggregate    aggregateFlags
	publish      publishFlags
	subscribe    subscribeFlags
	https        httpsFlags
	out          outputFlag
	dashboard    dashboardFlags
	host         string
	port         int
	subscribers  int
	clusters     int
}

func (f *upFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.host, "host", "127.0.0.1", "address to serve on")
	fl.StringVar(&f.subscribe.publicURL, "public-url", "", "URL that clients reach this machine under, like http://host, the ports are added; default the addresses served on")
	fl.IntVar(&f.port, "port", 5000, "port of the main server; the subscriber servers take the ones after it; 0: free ones for all")
	fl.IntVar(&f.subscribers, "subscribers", 6, "number of subscriber servers")
	fl.IntVar(&f.clusters, "clusters", 2, "number of clusters that they are divided into")
	fl.StringVar(&f.brokerListen, "broker-listen", "localhost:9092", "address of the embedded broker; a free port with --port 0 unless it is given")
	fl.StringSliceVar(&f.brokers, "brokers", nil, "use this Kafka cluster instead of the embedded broker")
	f.addAllButBrokers(cmd)
	f.broker.add(cmd)
	f.serve.web.on = true
	f.serve.add(cmd)
	f.aggregate.add(cmd)
	f.publish.addTop(cmd)
	f.subscribe.add(cmd)
	f.https.add(cmd)
	f.logFlags.add(cmd, "warn")
	f.metricsFlags.add(cmd)
	f.out.add(cmd)
	f.dashboard.add(cmd)
}

// check says what is wrong with the flags, nil if nothing is. It opens nothing.
func (f *upFlags) check() error {
	switch {
	case f.subscribers < 1 || f.subscribers > 999:
		return usagef("--subscribers %d: want 1 to 999", f.subscribers)
	case f.clusters < 1 || f.clusters > f.subscribers:
		return usagef("--clusters %d: want 1 to the number of subscriber servers, %d", f.clusters, f.subscribers)
	}
	f.host = bareHost(f.host)
	if err := errors.Join(checkHost(f.host), f.checkPublicURL()); err != nil {
		return err
	}
	if err := checkPorts(f.port, f.subscribers); err != nil {
		return err
	}
	if host, _, err := net.SplitHostPort(f.brokerListen); err == nil && unspecified(host) {
		return usagef("--broker-listen %s has no host that clients could connect to: give one, as in localhost:9092", f.brokerListen)
	}
	if len(f.brokers) == 0 && f.securityIsSet() {
		return usagef("--tls and --sasl are for a Kafka of your own, and --brokers does not name one: the embedded broker has neither, and listens on this machine")
	}
	if f.publish.top < 1 {
		return usagef("--top %d: want at least 1", f.publish.top)
	}
	return errors.Join(f.aggregate.check(), f.kafkaFlags.check())
}

// checkBroker refuses flags of the embedded broker together with --brokers, which takes its
// place.
func (f *upFlags) checkBroker(given func(string) bool) error {
	for _, name := range []string{"ephemeral", "data-dir", "broker-listen", "fsync", "retention", "retention-bytes"} {
		if len(f.brokers) > 0 && given(name) {
			return usagef("--%s is for the embedded broker, and --brokers names a Kafka of your own: leave one of them out", name)
		}
	}
	return nil
}

// brokersNote says that up builds no broker in, and why, if that is not on the command
// line: a variable or a file may have been meant for other commands.
func (f *upFlags) brokersNote(cmd *cobra.Command) string {
	from := originOf(cmd.Flag("brokers")).Where
	if len(f.brokers) == 0 || from == "" {
		return ""
	}
	return fmt.Sprintf("--brokers (from %s) is set: no broker is built in here; unset it for one", from)
}
