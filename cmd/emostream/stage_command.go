package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/emostream/emostream/internal/kafka"
)

// stageFlags are the flags that the commands of all stages have.
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

// stage is what a stage's constructor needs: a client of Kafka, a logger, and where to
// register metrics.
type stage struct {
	*stageFlags
	client  *kafka.Client
	log     *slog.Logger
	metrics prometheus.Registerer
}

// run opens what a stage needs, calls f, and closes it when f returns. ctx asks f to
// stop; ending for that reason is no error.
func (s *stageFlags) run(ctx context.Context, io streams, role string, f func(context.Context, stage) error) error {
	log := s.logger(io.err)
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
