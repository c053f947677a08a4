package report

import (
	"fmt"
	"math"
	"slices"
)

// Part says what became of the requests that were due in a part of the load, whenever
// they were sent and answered. Counts are as in a Report.
type Part struct {
	DurationMS float64             `json:"duration_ms"` // how long something of it was due, was sent or was given up; rates are over this time
	Sent       int64               `json:"sent"`
	Accepted   int64               `json:"accepted"`
	Rejected   int64               `json:"rejected"`
	InDoubt    int64               `json:"in_doubt"`
	Unsent     int64               `json:"unsent"`
	Requests   int64               `json:"requests"`
	Errors     int64               `json:"errors"`  // requests that failed, and those that were not sent
	Latency    map[string]*Latency `json:"latency"` // send_delay and all that begin with ack
}

// Stage is a stage of the load, without what of it belongs to the warm-up.
type Stage struct {
	ForMS   float64 `json:"for_ms"`
	Rate    float64 `json:"rate"`     // reactions a second at its start
	EndRate float64 `json:"end_rate"` // reactions a second at its end
	Part
}

// Load returns the measured part of the load, which is all of it but the warm-up.
func (r Report) Load() Part {
	p := Part{
		DurationMS: r.DurationMS, Sent: r.Sent, Accepted: r.Accepted, Rejected: r.Rejected, InDoubt: r.InDoubt, Unsent: r.Unsent,
		Requests: r.Requests, Errors: failedRequests(r), Latency: r.Latency,
	}
	if w := r.WarmUp; w != nil {
		p.DurationMS = math.Max(0, p.DurationMS-r.Options.WarmUpMS)
		p.Sent -= w.Sent
		p.Accepted -= w.Accepted
		p.Rejected -= w.Rejected
		p.InDoubt -= w.InDoubt
		p.Unsent -= w.Unsent
		p.Requests -= w.Requests
		p.Errors -= w.Errors
	}
	return p
}

// AcceptedRate returns how many reactions were accepted a second, or nil if no time
// passed.
func (p Part) AcceptedRate() *float64 {
	if p.DurationMS <= 0 {
		return nil
	}
	return new(float64(p.Accepted) / p.DurationMS * 1000)
}

// due returns how many requests were due, sent or not. Each holds as many reactions.
func (p Part) due() int64 {
	if p.Sent == 0 {
		return p.Errors // none was sent, so that each that was due is an error
	}
	return p.Requests + p.Unsent*p.Requests/p.Sent
}

// errorRate returns the share of the requests that were due which failed or were not
// sent, in percent.
func (p Part) errorRate() *float64 {
	due := p.due()
	if due == 0 {
		return nil
	}
	return new(100 * float64(p.Errors) / float64(due))
}

// failed returns how many reactions were sent and not accepted.
func (p Part) failed() int64 { return p.Rejected + p.InDoubt }

// rates returns the rate of a stage, or the rates of a ramp, in words.
func (s Stage) rates() string {
	if s.Rate == s.EndRate {
		return short(s.Rate)
	}
	return short(s.Rate) + ".." + short(s.EndRate)
}

// mergeParts adds up the parts of several generators.
func mergeParts(parts []Part) (Part, error) {
	var sum Part
	var latencies []map[string]*Latency
	for _, p := range parts {
		sum.DurationMS = math.Max(sum.DurationMS, p.DurationMS)
		sum.Sent += p.Sent
		sum.Accepted += p.Accepted
		sum.Rejected += p.Rejected
		sum.InDoubt += p.InDoubt
		sum.Unsent += p.Unsent
		sum.Requests += p.Requests
		sum.Errors += p.Errors
		latencies = append(latencies, p.Latency)
	}
	var err error
	sum.Latency, err = mergeLatencies(latencies)
	return sum, err
}

// mergeStages adds the warm-ups and the stages of reports whose options agree in them.
// Where a report lacks figures by stage, since an older version made it, they are left
// out, and a note says so.
func mergeStages(m *Report, reports []Report) error {
	var warmUps []Part
	var stages [][]Stage
	for _, r := range reports {
		if r.WarmUp != nil {
			warmUps = append(warmUps, *r.WarmUp)
		}
		if len(r.Stages) > 0 {
			stages = append(stages, r.Stages)
		}
	}
	if len(warmUps) > 0 {
		sum, err := mergeParts(warmUps)
		if err != nil {
			return fmt.Errorf("warm-up: %w", err)
		}
		m.WarmUp = &sum
	}
	if len(stages) == 0 {
		return nil
	}
	unlike := func(s []Stage) bool { return len(s) != len(stages[0]) }
	if len(stages) < len(reports) || slices.ContainsFunc(stages, unlike) {
		m.Notes = append(m.Notes, "There are no figures by stage, since not all generators have them.")
		return nil
	}
	m.Stages = make([]Stage, len(stages[0]))
	for i := range m.Stages {
		var parts []Part
		for _, s := range stages {
			m.Stages[i].ForMS = s[i].ForMS
			m.Stages[i].Rate += s[i].Rate
			m.Stages[i].EndRate += s[i].EndRate
			parts = append(parts, s[i].Part)
		}
		var err error
		if m.Stages[i].Part, err = mergeParts(parts); err != nil {
			return fmt.Errorf("stage %d: %w", i+1, err)
		}
	}
	return nil
}
