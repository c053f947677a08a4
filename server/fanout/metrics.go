package fanout

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	connected, full, addressFull, putOff, delivered, skipped, stalled, expired, swarms prometheus.Counter

	delay, delivery prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer, s *Server) metrics {
	f := promauto.With(reg)
	gauge := func(name, help string, value func() float64) {
		f.NewGaugeFunc(prometheus.GaugeOpts{Name: "emostream_subscribe_" + name, Help: help}, value)
	}
	gauge("clients", "Streams that are open now.", func() float64 { return float64(s.clients.Load()) })
	gauge("capacity", "Streams that may be open at once.", func() float64 { return float64(s.cfg.Capacity) })
	gauge("ready", "1 when the server is known to the main server and has the recent windows, as its /readyz says, else 0.", func() float64 {
		if s.Ready() != nil {
			return 0
		}
		return 1
	})
	gauge("window_bytes", "Memory that the recent windows take, about.", func() float64 { return float64(s.hub.Size()) })
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Name: "emostream_subscribe_" + name, Help: help})
	}
	histogram := func(name, help string, buckets ...float64) prometheus.Histogram {
		return f.NewHistogram(prometheus.HistogramOpts{Name: "emostream_subscribe_" + name, Help: help, Buckets: buckets})
	}
	return metrics{
		connected:   counter("connections_total", "Streams opened."),
		full:        counter("full_total", "Clients refused because the server was full."),
		addressFull: counter("address_full_total", "Clients refused because their address had its share of the places."),
		putOff:      counter("put_off_total", "Clients asked to come back later because too many came at once."),
		delivered:   counter("delivered_total", "Updates written to clients."),
		skipped:     counter("skipped_total", "Times that a slow client skipped to the newest window."),
		stalled:     counter("stalled_total", "Streams cut off because the client did not read."),
		expired:     counter("expired_total", "Streams that ended because their ticket or token had run out."),
		swarms:      counter("swarms_total", "Swarms taken in that told something new, revisions too."),
		delay: histogram("window_delay_seconds", "Time from a window's end to its arrival at this server.",
			.01, .015, .02, .025, .03, .04, .05, .075, .1, .11, .12, .15, .2, .3, .5, .75, 1, 2, 5, 10, 30),
		delivery: histogram("delivery_seconds", "Time from an update's arrival until a shard has written it to all of its clients that read.",
			.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5),
	}
}

// add adds counts to the metrics, and sets them to zero.
func (m *metrics) add(c *writeCounts) {
	if c.delivered > 0 {
		m.delivered.Add(float64(c.delivered))
	}
	if c.skipped > 0 {
		m.skipped.Add(float64(c.skipped))
	}
	*c = writeCounts{}
}
