package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/emostream/emostream/internal/httpserve"
)

// newRegistry returns a registry that holds the metrics of the process and of Go.
func newRegistry() *prometheus.Registry { return newRegistryWith(collectors.NewGoCollector()) }

// newRegistryWith returns one with the given metrics of Go.
func newRegistryWith(goMetrics prometheus.Collector) *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(goMetrics, collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "emostream_build_info", Help: "Always 1; the labels tell the build.",
		ConstLabels: prometheus.Labels{"version": version, "commit": commit},
	})
	info.Set(1)
	reg.MustRegister(info)
	return reg
}

// metricsServer serves /metrics, and /debug/pprof/ if --pprof is given.
type metricsServer struct {
	addr  string
	hosts httpserve.HostCheck
	mux   *http.ServeMux
}

// metricsFlags say where a process serves its metrics.
type metricsFlags struct {
	hosts         hostsFlag
	metricsListen string
	pprof         bool
	openMetrics   bool // who asks for OpenMetrics gets it; set by the command
}

func (s *metricsFlags) add(cmd *cobra.Command) {
	s.hosts.add(cmd)
	cmd.Flags().StringVar(&s.metricsListen, "metrics-listen", "", "serve Prometheus metrics here, host:port, or a port on loopback; empty: nowhere")
	cmd.Flags().BoolVar(&s.pprof, "pprof", false, "serve profiles for go tool pprof there, too, at /debug/pprof/")
}

// serveBeside serves the metrics until work returns, and logs where. ctx asks work to
// stop; ending for that reason is no error.
func (s *metricsFlags) serveBeside(ctx context.Context, reg *prometheus.Registry, log *slog.Logger, work func(context.Context) error) error {
	err := s.beside(ctx, reg, log, func(url string) { log.Info("metrics", "url", url) }, work)
	if err == nil {
		log.Info("stopped")
	}
	return err
}

// beside serves the metrics until work returns, and calls announce with their URL. ctx
// asks work to stop; ending for that reason is no error.
func (s *metricsFlags) beside(ctx context.Context, reg *prometheus.Registry, log *slog.Logger, announce func(url string), work func(context.Context) error) error {
	stopped := ctx
	metrics, err := s.newMetricsServer(reg, log)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	working, cancel := context.WithCancel(ctx)
	defer cancel()
	if metrics != nil {
		ln, err := metrics.listen(ctx)
		if err != nil {
			return err
		}
		announce(urlAt(ln.Addr().String()) + "/metrics")
		g.Go(func() error { return metrics.serve(working, ln) })
	}
	g.Go(func() error {
		defer cancel()
		return work(working)
	})
	if err := g.Wait(); err != nil && (stopped.Err() == nil || !errors.Is(err, context.Canceled)) {
		return err
	}
	return nil
}

// newMetricsServer returns the server of --metrics-listen, nil if there is to be none.
func (s *metricsFlags) newMetricsServer(reg *prometheus.Registry, log *slog.Logger) (*metricsServer, error) {
	if s.metricsListen == "" {
		if s.pprof {
			return nil, usagef("--pprof: profiles are served where the metrics are: give --metrics-listen, too")
		}
		return nil, nil
	}
	hosts, err := s.hosts.check()
	if err != nil {
		return nil, err
	}
	hosts.Logger = log
	m := &metricsServer{addr: s.metricsListen, hosts: hosts, mux: http.NewServeMux()}
	paths := []string{"/metrics"}
	m.mux.Handle("/metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{Registry: reg, EnableOpenMetrics: s.openMetrics}))
	if s.pprof {
		paths = append(paths, profilesPath)
		m.mux.Handle(profilesPath, profiles(httpserve.SiteCheck{Names: hosts.Names}))
	}
	m.mux.Handle("/", httpserve.NotFound(paths...))
	return m, nil
}

func (m *metricsServer) listen(ctx context.Context) (net.Listener, error) {
	return listen(ctx, m.addr, "--metrics-listen", "")
}

const (
	maxMetricsConnections = 128 // one address may have a quarter of them
	metricsReadTimeout    = 10 * time.Second
	metricsAnswerTimeout  = 15 * time.Second // beside the time that a profile takes
)

// serve serves on ln until ctx ends.
func (m *metricsServer) serve(ctx context.Context, ln net.Listener) error {
	conns := httpserve.LimitConnections(ln, httpserve.ConnectionLimits{Max: maxMetricsConnections, MaxPerAddress: httpserve.Quarter(maxMetricsConnections)})
	return httpserve.Serve(ctx, conns, &http.Server{
		Handler:      m.hosts.Wrap(httpserve.PlainPaths(m.mux), ln.Addr()),
		ReadTimeout:  metricsReadTimeout,
		WriteTimeout: metricsReadTimeout + maxProfile + metricsAnswerTimeout,
		IdleTimeout:  2 * time.Minute,
	}, time.Second)
}
