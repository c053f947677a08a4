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
	hosts         hostsFlag
	metricsListen string
	pprof         bool
}

func (s *stageFlags) add(cmd *cobra.Command) {
	s.kafkaFlags.add(cmd)
	s.logFlags.add(cmd, "info")
	s.addHTTP(cmd)
}

// addHTTP adds the flags of what every stage serves over HTTP.
func (s *stageFlags) addHTTP(cmd *cobra.Command) {
	s.hosts.add(cmd)
	cmd.Flags().StringVar(&s.metricsListen, "metrics-listen", "", "serve Prometheus metrics here, host:port, or a port on loopback; empty: nowhere")
	cmd.Flags().BoolVar(&s.pprof, "pprof", false, "serve profiles for go tool pprof there, too, at /debug/pprof/")
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
	metrics, err := s.newMetricsServer(reg, log)
	if err != nil {
		return err
	}
	if metrics != nil {
		ln, err := metrics.listen(ctx)
		if err != nil {
			return err
		}
		log.Info("metrics", "url", "http://"+ln.Addr().String()+"/metrics")
		g.Go(func() error { return metrics.serve(ctx, ln) })
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
