package main

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/passedover"
)

// stageFlags are the flags that the commands of all stages have.
type stageFlags struct {
	kafkaFlags
	logFlags
	metricsFlags
}

func (s *stageFlags) add(cmd *cobra.Command) {
	s.kafkaFlags.add(cmd)
	s.logFlags.add(cmd, "info")
	s.metricsFlags.add(cmd)
}

// stage is what a stage's constructor needs: a client of Kafka, a logger, where to
// register metrics, and the log of what is passed over. The stages of up share it, since
// several of them read the heartbeats.
type stage struct {
	*stageFlags
	client     *kafka.Client
	log        *slog.Logger
	metrics    prometheus.Registerer
	passedOver *passedover.Log
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
	return s.serveBeside(ctx, reg, log, func(ctx context.Context) error { return f(ctx, stage{s, client, log, reg, passedover.NewLog(log)}) })
}
