package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/kafka"
)

// stageFlags are the flags of every command that runs a stage.
type stageFlags struct {
	kafkaFlags
	logFlags
	metricsListen string
}

func (s *stageFlags) add(cmd *cobra.Command) {
	s.kafkaFlags.add(cmd)
	s.logFlags.add(cmd, "info")
	s.addMetrics(cmd)
}

func (s *stageFlags) addMetrics(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.metricsListen, "metrics-listen", "", "serve Prometheus metrics and pprof here, host:port, or a port on loopback; empty: nowhere")
}

// stage is what a stage's constructor gets: where Kafka is, where to log, where
// to register metrics.
type stage struct {
	*stageFlags
	client  *kafka.Client
	log     *slog.Logger
	metrics prometheus.Registerer
}

// run opens what a stage needs, runs it until ctx ends, and cleans up. A stage
// that ends because ctx did has not failed.
func (s *stageFlags) run(ctx context.Context, io streams, role string, f func(context.Context, stage) error) error {
	log, err := s.logger(io.err)
	if err != nil {
		return err
	}
	client, err := s.open(role, log)
	if err != nil {
		return err
	}
	defer client.Close()
	reg := newRegistry()
	stopped := ctx
	g, ctx := errgroup.WithContext(ctx)
	if s.metricsListen != "" {
		ln, err := listenMetrics(ctx, s.metricsListen)
		if err != nil {
			return err
		}
		log.Info("metrics", "url", "http://"+ln.Addr().String()+"/metrics")
		g.Go(func() error { return serveMetrics(ctx, ln, reg) })
	}
	work, cancel := context.WithCancel(ctx)
	g.Go(func() error {
		defer cancel()
		return f(work, stage{s, client, log, reg})
	})
	if err := g.Wait(); err != nil && (stopped.Err() == nil || !errors.Is(err, context.Canceled)) {
		return err
	}
	log.Info("stopped")
	return nil
}

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

// listenMetrics binds an address, or a port on loopback.
func listenMetrics(ctx context.Context, addr string) (net.Listener, error) {
	if !strings.Contains(addr, ":") {
		addr = "127.0.0.1:" + addr
	}
	return listen(ctx, addr, "--metrics-listen", "")
}

func serveMetrics(ctx context.Context, ln net.Listener, reg *prometheus.Registry) error {
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{Registry: reg}))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.Handle("/", httpserve.NotFound("/metrics", "/debug/pprof/"))
	return httpserve.Serve(ctx, ln, &http.Server{Handler: httpserve.LoopbackHost(mux, ln.Addr())}, time.Second)
}

// listen binds an address; hint is a command that works where that is taken.
func listen(ctx context.Context, addr, flag, hint string) (net.Listener, error) {
	ln, err := httpserve.Listen(ctx, addr, flag)
	if err == nil {
		return ln, nil
	}
	var taken *httpserve.ListenError
	if errors.As(err, &taken) && taken.InUse() {
		taken.Hint = hint
		return nil, &exitError{exitFailed, err}
	}
	return nil, &exitError{exitUsage, err}
}

// publicURL is what clients reach a listener under: what was told, or the
// address itself unless that is a wildcard.
func publicURL(told string, ln net.Listener) (string, error) {
	if told != "" {
		if !strings.HasPrefix(told, "http://") && !strings.HasPrefix(told, "https://") {
			return "", usagef("--public-url %.60q: it begins with http:// or https://", told)
		}
		return strings.TrimSuffix(told, "/"), nil
	}
	addr, ok := ln.Addr().(*net.TCPAddr)
	if !ok || addr.IP.IsUnspecified() {
		return "", usagef("--listen %v is open on every address: give --public-url, the base URL that clients reach this server under", ln.Addr())
	}
	return fmt.Sprintf("http://%v", addr), nil
}
