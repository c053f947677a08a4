package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/broker"
)

// brokerFlags are the settings of the embedded broker.
type brokerFlags struct {
	dataDir        string
	ephemeral      bool
	fsync          bool
	retention      time.Duration
	retentionBytes int64
}

func (f *brokerFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.dataDir, "data-dir", "", "folder that keeps the log between runs; default emostream in the user's state folder (on Windows it is in memory)")
	fl.BoolVar(&f.ephemeral, "ephemeral", false, "keep the log in memory only")
	fl.BoolVar(&f.fsync, "fsync", false, "flush every write to the disk before it is acknowledged, so that the log survives a power cut")
	fl.DurationVar(&f.retention, "retention", 24*time.Hour, "how long records are kept")
	fl.Int64Var(&f.retentionBytes, "retention-bytes", 1<<30, "how large the log grows; a partition may hold an eighth of it")
}

// config checks the flags, and chooses the data folder if --data-dir does not.
func (f *brokerFlags) config(listen string) (broker.Config, error) {
	if f.ephemeral && f.dataDir != "" {
		return broker.Config{}, usagef("--ephemeral keeps nothing, so that --data-dir makes no sense beside it")
	}
	if f.retention <= 0 || f.retentionBytes <= 0 {
		return broker.Config{}, usagef("--retention and --retention-bytes want more than 0")
	}
	dir := f.dataDir
	if dir != "" && !broker.CanKeepLog {
		return broker.Config{}, usagef("--data-dir: on this system the embedded broker keeps its log in memory only; leave it away, or use a Kafka cluster (--brokers)")
	}
	if dir == "" && !f.ephemeral && broker.CanKeepLog {
		state, err := stateDir()
		if err != nil {
			return broker.Config{}, usagef("%w: give --data-dir or --ephemeral", err)
		}
		dir = state
	}
	return broker.Config{Listen: onLoopback(listen), DataDir: dir, Fsync: f.fsync, Retention: f.retention, RetentionBytes: f.retentionBytes}, nil
}

// stateDir returns the default data folder: emostream, in the folder where programs of
// this user keep their data.
func stateDir() (string, error) {
	if d := os.Getenv("XDG_STATE_HOME"); d != "" {
		return filepath.Join(d, "emostream"), nil
	}
	if d := os.Getenv("LocalAppData"); d != "" {
		return filepath.Join(d, "emostream"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("there is no home folder to keep the log in (%w)", err)
	}
	return filepath.Join(home, ".local", "state", "emostream"), nil
}

func newBroker(io streams) *cobra.Command {
	var (
		flags     brokerFlags
		logs      logFlags
		metrics   metricsFlags
		addr      string
		advertise string
	)
	cmd := &cobra.Command{
		Use:   "broker",
		Short: "Run the embedded Kafka broker alone",
		Long: `Broker runs the Kafka broker that is built in: one process, one copy of the log, in a
folder. The log survives a kill, and a power cut only with --fsync. It is meant for
development, demonstrations and small events; for more there is Apache Kafka.`,
		Example: `  emostream broker --data-dir ./log`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := logs.logger(io.err)
			cfg, err := flags.config(addr)
			if err != nil {
				return err
			}
			reg := newRegistry()
			cfg.Advertise, cfg.Logger, cfg.Metrics = advertise, log, reg
			err = cfg.Check()
			if _, ok := errors.AsType[*broker.AdvertiseError](err); ok {
				return settingError(err)
			}
			if err != nil {
				return usagef("%w", err)
			}
			return metrics.serveBeside(cmd.Context(), reg, log, func(ctx context.Context) error {
				b, err := openBroker(ctx, cfg, "--listen", "emostream broker --listen localhost:9192")
				if err != nil {
					return err
				}
				log.Info("broker ready", "address", b.Addr(), "data", dataName(cfg.DataDir))
				return b.Run(ctx)
			})
		},
	}
	flags.add(cmd)
	logs.add(cmd, "info")
	metrics.add(cmd)
	cmd.Flags().StringVar(&addr, "listen", "localhost:9092", "address to serve on, host:port, or a port on loopback")
	cmd.Flags().StringVar(&advertise, "advertise", "", "host:port that clients are told to connect to; default the address it listens on")
	return cmd
}

// openBroker opens a broker. If its address is taken, the error names flag, which sets
// the address, and hint, a command that works.
func openBroker(ctx context.Context, cfg broker.Config, flag, hint string) (*broker.Broker, error) {
	ln, err := listen(ctx, cfg.Listen, flag, hint)
	if err != nil {
		return nil, err
	}
	cfg.Listener = ln
	return broker.Open(cfg) //nolint:contextcheck // the address is bound already
}

func dataName(dir string) string {
	if dir == "" {
		return "in memory"
	}
	return dir
}
