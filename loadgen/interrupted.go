package loadgen

import (
	"fmt"
	"time"

	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/loadgen/report"
)

// interruptedBefore returns the report of a run that was interrupted before it knew its
// target.
func (r *run) interruptedBefore() report.Report {
	return report.Report{
		Schema: report.Schema, ID: newReportID(), Interrupted: true, Started: time.Now().UTC(), Seed: r.cfg.Seed,
		Options: r.cfg.options(nil, r.schedule.Length()), Environment: environment(r.cfg.Version),
		Errors: map[string]int64{}, Latency: map[string]*report.Latency{},
		Notes: []string{fmt.Sprintf("interrupted while %s was asked for: nothing was sent", text.ShownURL(r.cfg.firstAsked()))},
	}
}

// firstAsked returns the address that a run asks first.
func (c Config) firstAsked() string {
	if c.Publish != nil {
		return c.Publish.PostURL
	}
	return c.Server + " to register"
}

// noteInterrupted notes at which point before its first request a run was interrupted.
func (r *run) noteInterrupted(during string) {
	r.notes = append(r.notes, "interrupted while "+during+": nothing was sent")
}
