package main

import (
	"context"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/emostream/emostream/internal/httpserve"
)

// newRegistry returns a registry that holds the metrics of the process and of Go.
func newRegistry() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "emostream_build_info", Help: "Always 1; the labels tell the build.",
		ConstLabels: prometheus.Labels{"version": version, "commit": commit},
	})
	info.Set(1)
	reg.MustRegister(info)
	return reg
}

// listenMetrics binds addr, which is host:port, or a port alone for loopback.
func listenMetrics(ctx context.Context, addr string) (net.Listener, error) {
	if !strings.Contains(addr, ":") {
		addr = "127.0.0.1:" + addr
	}
	return listen(ctx, addr, "--metrics-listen", "")
}

// maxMetricsConnections is how many connections the metrics' server takes. One address
// may have a quarter of them.
const maxMetricsConnections = 128

// serveMetrics serves /metrics and /debug/pprof until ctx ends.
func serveMetrics(ctx context.Context, ln net.Listener, reg *prometheus.Registry) error {
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{Registry: reg}))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.Handle("/", httpserve.NotFound("/metrics", "/debug/pprof/"))
	conns := httpserve.LimitConnections(ln, httpserve.ConnectionLimits{Max: maxMetricsConnections, MaxPerAddress: maxMetricsConnections / 4})
	return httpserve.Serve(ctx, conns, &http.Server{Handler: httpserve.LoopbackHost(mux, ln.Addr())}, time.Second)
}
