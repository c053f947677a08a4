package loadgen

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/emostream/emostream/loadgen/report"
)

// Search is how FindMax looks for the greatest rate.
type Search struct {
	// Evaluate says which conditions a run met.
	Evaluate func(report.Report) []report.ThresholdResult
	// Most bounds the rate; default 1,000,000 reactions a second.
	Most float64
	// Within is how close to the greatest rate the search ends, as a share of it;
	// default 0.05.
	Within float64
}

// reachedEnough is the share of the rate asked for that a run must reach for the
// rate to hold: a server that answers half of what is due does not carry it.
const reachedEnough = 0.98

// mostSteps bounds a search.
const mostSteps = 24

// hunt is a search for the greatest rate at which something holds, by doubling
// and then halving the span between the greatest that held and the least that did
// not. It is pure: it is asked for a rate and told what came of it.
type hunt struct {
	rate         float64 // to try next; 0: the search is over
	good, bad    float64 // 0: none yet
	most, within float64
}

func newHunt(first, most, within float64) hunt {
	return hunt{rate: min(first, most), most: most, within: within}
}

// tell takes in what came of the rate.
func (h *hunt) tell(held bool) {
	if held {
		h.good = h.rate
	} else {
		h.bad = h.rate
	}
	switch {
	case h.bad == 0 && h.good >= h.most:
		h.rate = 0
	case h.bad == 0:
		h.rate = min(2*h.good, h.most)
	case h.good == 0 && h.bad < 1:
		h.rate = 0 // not even that
	case h.good == 0:
		h.rate = h.bad / 2
	case h.bad-h.good <= h.within*h.good:
		h.rate = 0
	default:
		h.rate = (h.good + h.bad) / 2
	}
}

// FindMax looks for the greatest rate at which all thresholds hold and nothing is
// rejected, by runs of cfg, whose Rate is tried first. The report is that of the
// run at the greatest rate that held, or of the last one when none did; its
// Search tells all steps.
func FindMax(ctx context.Context, cfg Config, s Search) (report.Report, error) {
	if cfg.Rate <= 0 || cfg.Stages+cfg.Burst != "" {
		return report.Report{}, errors.New("a search begins with a rate above 0, and without stages or bursts")
	}
	if s.Most == 0 {
		s.Most = 1e6
	}
	if s.Within == 0 {
		s.Within = 0.05
	}
	var best, last report.Report
	var steps []report.Step
	observe := cfg.withDefaults().Observe
	h := newHunt(cfg.Rate, s.Most, s.Within)
	for h.rate > 0 && len(steps) < mostSteps {
		at := len(steps) + 1
		cfg.Rate = h.rate
		cfg.Observe = func(snap Snapshot) {
			snap.Step, snap.Rate = at, cfg.Rate
			observe(snap)
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
		step := judge(r)
		steps = append(steps, step)
		if step.Met {
			best = r
		}
		h.tell(step.Met)
	}
	return conclude(best, last, steps), nil
}

// judge says whether a run carried its rate.
func judge(r report.Report) report.Step {
	s := report.Step{Rate: r.Options.Rate, Missed: []string{}}
	if r.DurationMS > 0 {
		s.Reached = float64(r.Accepted) / r.DurationMS * 1000
	}
	for _, t := range r.Thresholds {
		if !t.Met {
			s.Missed = append(s.Missed, t.Condition)
		}
	}
	if s.Reached < reachedEnough*s.Rate {
		s.Missed = append(s.Missed, fmt.Sprintf("the rate (reached %.0f)", s.Reached))
	}
	if r.Invalid {
		s.Missed = append(s.Missed, "the generator could not keep up")
	}
	s.Met = len(s.Missed) == 0
	return s
}

// conclude makes one report of a search.
func conclude(best, last report.Report, steps []report.Step) report.Report {
	out := best
	if out.Schema == "" {
		out = last
		out.Notes = append(slices.Clone(out.Notes), "no rate that was tried held")
	}
	out.Interrupted = last.Interrupted
	out.Search = steps
	return out
}
