package loadgen

import (
	"fmt"
	"time"

	"github.com/emostream/emostream/loadgen/report"
)

// hasStageFigures returns whether the report tells the stages apart.
func (r *run) hasStageFigures() bool {
	return r.cfg.Stages != "" && len(r.schedule.stages) <= MaxStageFigures
}

// measureFrom leaves what is due before a moment out of the latencies of what listeners
// are shown.
func (r *run) measureFrom(at time.Time) {
	r.acknowledged.measureFrom(at)
	if s := r.target.swarms; s != nil {
		s.measureFrom(at)
	}
	if m := r.target.markers; m != nil {
		m.measureFrom(at)
	}
}

// addParts adds the figures of the warm-up and of the stages to the report.
func (r *run) addParts(out *report.Report) {
	out.WarmUp, out.Stages = r.partFigures(r.due, r.lasted)
	if r.cfg.Stages != "" && !r.hasStageFigures() {
		r.notes = append(r.notes, fmt.Sprintf("there are no figures by stage, since there are more than %d stages", MaxStageFigures))
	}
}

// partFigures returns the figures of the warm-up and of each stage; nil if there is none.
// Until due something was due, until lasted something was due, was sent or was given up.
func (r *run) partFigures(due, lasted time.Duration) (warmUp *report.Part, stages []report.Stage) {
	r.stats.mu.Lock()
	defer r.stats.mu.Unlock()
	if r.cfg.WarmUp > 0 {
		warmUp = new(r.part(0, due, lasted))
	}
	if !r.hasStageFigures() {
		return warmUp, nil
	}
	batch := float64(r.cfg.Batch)
	for i, st := range r.schedule.stages {
		stages = append(stages, report.Stage{ForMS: report.InMS(st.For), Rate: st.From * batch, EndRate: st.To * batch, Part: r.part(i+1, due, lasted)})
	}
	return warmUp, stages
}

// part returns the figures of a part of the load. It is called with the lock of the
// stats.
func (r *run) part(i int, due, lasted time.Duration) report.Part {
	p, batch := &r.stats.parts[i], int64(r.cfg.Batch)
	start, end := r.parts.period(i)
	unsent := int64(0)
	if !r.cfg.closedLoop() {
		unsent = max(0, r.schedule.By(min(end, lasted))-r.schedule.By(min(start, lasted))-p.requests)
	}
	took := min(end, due) - start
	if !p.busyUntil.IsZero() {
		took = max(took, p.busyUntil.Sub(r.start)-start)
	}
	return report.Part{
		DurationMS: report.InMS(max(0, took)), Sent: p.requests * batch, Accepted: p.accepted, Rejected: p.rejected, InDoubt: p.inDoubt,
		Unsent: unsent * batch, Requests: p.requests, Errors: p.errors + unsent, Latency: p.inReport(),
	}
}
