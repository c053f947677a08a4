package loadgen

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/emostream/emostream/loadgen/report"
)

// Search configures FindMax.
type Search struct {
	// Evaluate returns which conditions a run met. Default: there are no conditions.
	Evaluate func(report.Report) []report.ThresholdResult
	// Max is the greatest rate to try; default 1,000,000 reactions a second.
	Max float64
	// Precision is how close to the greatest rate the search ends, as a fraction of
	// that rate; default 0.05.
	Precision float64
}

func (s Search) withDefaults() Search {
	s.Max = cmp.Or(s.Max, 1e6)
	s.Precision = cmp.Or(s.Precision, 0.05)
	if s.Evaluate == nil {
		s.Evaluate = func(report.Report) []report.ThresholdResult { return nil }
	}
	return s
}

// minReached is the fraction of the requested rate that a run must reach. If it reaches
// less, the server cannot carry that rate.
const minReached = 0.98

// maxSearchSteps is the greatest number of runs in a search.
const maxSearchSteps = 24

// rateSearch searches for the greatest rate that holds. It doubles the rate until one
// fails, and then tries the middle between the greatest rate that held and the least
// that failed. It is pure: its caller tries each rate and records the result.
type rateSearch struct {
	rate                      float64 // to try next; 0: the search is over
	greatestHeld, leastFailed float64 // 0: none yet
	max, precision            float64
}

func newRateSearch(first, maxRate, precision float64) rateSearch {
	return rateSearch{rate: min(first, maxRate), max: maxRate, precision: precision}
}

// record notes whether the rate held, and chooses the next rate.
func (s *rateSearch) record(held bool) {
	if held {
		s.greatestHeld = s.rate
	} else {
		s.leastFailed = s.rate
	}
	switch {
	case s.leastFailed == 0 && s.greatestHeld >= s.max:
		s.rate = 0
	case s.leastFailed == 0:
		s.rate = min(2*s.greatestHeld, s.max)
	case s.greatestHeld == 0 && s.leastFailed < 1:
		s.rate = 0 // nothing less than 1 a second is tried
	case s.greatestHeld == 0:
		s.rate = s.leastFailed / 2
	case s.leastFailed-s.greatestHeld <= s.precision*s.greatestHeld:
		s.rate = 0
	default:
		s.rate = (s.greatestHeld + s.leastFailed) / 2
	}
}

// FindMax searches for the greatest rate at which all conditions hold and the target
// keeps up. It makes runs of cfg, and tries cfg.Rate first. It returns the report of
// the run at the greatest rate that held, or of the last run if none held. The report's
// Search lists all steps.
func FindMax(ctx context.Context, cfg Config, s Search) (report.Report, error) {
	if cfg.Rate <= 0 || cfg.Stages+cfg.Burst != "" {
		return report.Report{}, errors.New("a search begins with a rate above 0, and without stages or bursts")
	}
	s = s.withDefaults()
	var best, last report.Report
	var steps []report.Step
	observe, tell := cfg.withDefaults().Observe, cfg.withDefaults().Live
	search := newRateSearch(cfg.Rate, s.Max, s.Precision)
	for search.rate > 0 && len(steps) < maxSearchSteps {
		at := len(steps) + 1
		cfg.Rate = search.rate
		cfg.Observe = func(snap Snapshot) {
			snap.Step, snap.Rate = at, cfg.Rate
			observe(snap)
		}
		rate := cfg.Rate
		cfg.Live = func(live func() Live) {
			tell(func() Live {
				l := live()
				l.Step, l.Rate = at, rate
				return l
			})
		}
		r, err := Run(ctx, cfg)
		if err != nil {
			return r, fmt.Errorf("try %.0f a second: %w", cfg.Rate, err)
		}
		r.Thresholds = s.Evaluate(r)
		last = r
		if r.Interrupted {
			break
		}
		step := judgeStep(r)
		steps = append(steps, step)
		if step.Met {
			best = r
		}
		search.record(step.Met)
	}
	return searchReport(best, last, steps), nil
}

// judgeStep returns whether a run held its rate, and why not.
func judgeStep(r report.Report) report.Step {
	s := report.Step{Rate: r.Options.Rate, Missed: []string{}}
	if rate := r.Load().AcceptedRate(); rate != nil {
		s.Reached = *rate
	}
	for _, t := range r.Thresholds {
		if !t.Met {
			s.Missed = append(s.Missed, t.Condition)
		}
	}
	if s.Reached < minReached*s.Rate {
		s.Missed = append(s.Missed, fmt.Sprintf("the rate (reached %.0f)", s.Reached))
	}
	if r.UnbalancedBecause != "" {
		s.Missed = append(s.Missed, "balanced books ("+r.UnbalancedBecause+")")
	}
	if r.Invalid {
		s.Missed = append(s.Missed, "the generator could not keep up")
	}
	s.Met = len(s.Missed) == 0
	return s
}

// searchReport returns the report of the best run, or else of the last, with all steps
// in it.
func searchReport(best, last report.Report, steps []report.Step) report.Report {
	out := best
	if out.Schema == "" {
		out = last
		if len(steps) > 0 {
			out.Notes = append(slices.Clone(out.Notes), "no rate that was tried held")
		}
	}
	out.Interrupted = last.Interrupted
	out.Search = steps
	return out
}
