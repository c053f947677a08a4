package main

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/loadgen/report"
)

// benchFlags are the settings of bench.
type benchFlags struct {
	loadgen.Config
	benchRequestFlags
	publish    loadgen.Publish
	tls        benchTLSFlags
	tokens     benchTokenFlags
	startAt    string
	thresholds []string
	findMax    bool
	files      []string // the report is written to these too
	scenario   scenarioFlags
	kept       report.Scenario // what the report keeps of the settings
	metrics    metricsFlags
	progress   progressFlag
	validity   validityFlag
	out        outputFlag
}

func newBench(io streams) *cobra.Command {
	var f benchFlags
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Put a reaction stream under load, and tell the truth about it",
		Long: `Bench sends reactions by a schedule that no stall of the server can move, listens
as an audience does, and balances the books: what was acknowledged against what
listeners were shown, in a channel of its own. Latencies count from when a
reaction should have been sent.

Its flags can stand in a scenario, which emostream bench init writes; a report keeps
them, and --again repeats its run.

With --post-url the target is any service that takes events in over HTTP, and with
--stream-url one that gives them out over Server-Sent Events.`,
		Example: `  emostream bench --rate 2000 --listeners 1000 --duration 30s
  emostream bench --stages 10s:100..5000,30s:5000,10s:0
  emostream bench --threshold 'overhead_p99<300ms' --threshold 'lost==0'
  emostream bench --rate 2000 --out before.json --out before.html
  emostream bench --rate 500 --duration 5s --find-max --threshold 'ack_p99<20ms'
  emostream bench --rate 0 --connections 16 --batch 100
  emostream bench --scenario load.yaml --rate 500
  emostream bench --again before.json
  emostream bench --rate 50 --post-url http://localhost:8080/pub \
    --stream-url http://localhost:8080/sub`,
		Args: benchArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context(), io, cmd) },
	}
	f.add(cmd)
	cmd.AddCommand(newBenchCompare(io), newBenchMerge(io), newBenchInit(io))
	return cmd
}

// config turns the flags into the configuration of a load test.
func (f *benchFlags) config(given, told func(string) bool) (loadgen.Config, error) {
	cfg := f.Config
	cfg.Version = version
	if err := f.checkCombinations(given, told); err != nil {
		return cfg, err
	}
	if f.Stages+f.Burst+f.replay != "" && !given("rate") {
		cfg.Rate = 0
	}
	cfg.AsRecorded = f.replay != "" && f.Stages+f.Burst == "" && !given("rate")
	if f.publish.PostURL != "" {
		cfg.Server, cfg.Publish = "", &f.publish
	}
	if err := f.setRequests(&cfg); err != nil {
		return cfg, err
	}
	if f.startAt != "" {
		at, err := time.Parse(time.RFC3339, f.startAt)
		if err != nil {
			return cfg, usagef("--start-at %.40q: want a time like 2026-01-02T03:04:05Z", f.startAt)
		}
		if past := time.Since(at); past > time.Second && told("start-at") {
			return cfg, usagef("--start-at %s has passed, %v ago: generators would not begin together", f.startAt, past.Round(time.Second))
		}
		cfg.StartAt = at
	}
	if f.findMax && cfg.Rate == 0 {
		return cfg, usagef("--find-max begins with a --rate above 0, and without --stages and --burst")
	}
	if err := errors.Join(f.tls.apply(&cfg), f.tokens.apply(&cfg)); err != nil {
		return cfg, err
	}
	if err := cfg.Check(); err != nil {
		return cfg, settingErrors(err)
	}
	return cfg, nil
}

func (f *benchFlags) run(ctx context.Context, io streams, cmd *cobra.Command) error {
	cfg, err := f.config(given(cmd), toldHere(cmd))
	if err != nil {
		return err
	}
	conditions, err := parseThresholds(f.thresholds)
	if err != nil {
		return err
	}
	if f.kept, err = scenarioOf(cmd); err != nil {
		return err
	}
	if err := errors.Join(checkStages(conditions, cfg), checkMeasurable(conditions, cfg), checkReportFiles(f.files), f.progress.check(io)); err != nil {
		return err
	}
	if err := checkWatched(io, cfg); err != nil {
		return err
	}
	asJSON := f.out.json()
	return f.progress.run(ctx, io, func(ctx context.Context) error {
		return f.serveFigures(ctx, io, &cfg, conditions, func(ctx context.Context) error { return f.runAndReport(ctx, io, cfg, conditions, asJSON) })
	})
}

// runAndReport does the load test, prints its report and writes it to files. Its error
// decides the exit code.
func (f *benchFlags) runAndReport(ctx context.Context, io streams, cfg loadgen.Config, conditions []report.Threshold, asJSON bool) error {
	target := text.ShownURL(cmp.Or(cfg.Server, f.publish.PostURL)) + f.tls.remark()
	r, err := f.progress.show(ctx, io, target, func(ctx context.Context, observe func(loadgen.Snapshot)) (report.Report, error) {
		cfg.Observe = observe
		return f.measure(ctx, cfg, conditions)
	})
	if err != nil {
		return err
	}
	r.Scenario = f.kept
	if err := writeReport(io, r, report.Checks(r, f.validity.allowInvalid), asJSON, f.files); err != nil {
		return err
	}
	return f.validity.exit(r)
}

// measure does one run or, with --find-max, the runs of a search.
func (f *benchFlags) measure(ctx context.Context, cfg loadgen.Config, conditions []report.Threshold) (report.Report, error) {
	evaluate := func(r report.Report) []report.ThresholdResult { return report.Evaluate(conditions, r) }
	if f.findMax {
		return loadgen.FindMax(ctx, cfg, loadgen.Search{Evaluate: evaluate})
	}
	r, err := loadgen.Run(ctx, cfg)
	r.Thresholds = evaluate(r)
	return r, err
}
