package replay

import (
	"maps"
	"time"
)

// Report is what became of a recording's reactions. All that were read are in one
// of Accepted, Refused, InDoubt and Unsent.
type Report struct {
	Read     int64            `json:"read"` // reactions, each as often as it counts
	Accepted int64            `json:"accepted"`
	Refused  map[string]int64 `json:"refused"`  // by the server's code: not counted
	InDoubt  int64            `json:"in_doubt"` // counted once, or not at all
	Unsent   int64            `json:"unsent"`   // certainly not counted
	Skipped  int64            `json:"skipped"`  // entries of the recording that are no reactions
	Gone     int64            `json:"gone"`     // records that retention took before they were read

	Requests int64  `json:"requests"`
	Resent   int64  `json:"resent"`    // reactions that were certainly not written, and sent again
	LateMS   int64  `json:"late_ms"`   // by how much one was sent after it was due, at most
	TookMS   int64  `json:"took_ms"`   // from the first to the last
	At       int64  `json:"-"`         // recorded time of the newest one read, ms
	Reason   string `json:"reason"`    // of the first that was not accepted
	SkipNote string `json:"skip_note"` // of the first that was skipped

	UnsentNote string `json:"unsent_note"` // why the first that was not sent was not
	NotTaken   string `json:"-"`           // why what is sent again is not taken; empty: it is
}

// Whole says whether all that was read was accepted.
func (r Report) Whole() bool {
	return r.Accepted == r.Read && r.Gone == 0
}

// RefusedAll is how many were refused, for any reason.
func (r Report) RefusedAll() (n int64) {
	for _, of := range r.Refused {
		n += of
	}
	return n
}

// copied is a report of its own.
func (r Report) copied(took time.Duration) Report {
	r.Refused = maps.Clone(r.Refused)
	r.TookMS = took.Milliseconds()
	return r
}
