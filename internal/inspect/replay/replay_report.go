package replay

import (
	"maps"
	"time"
)

// Report says what became of a recording's reactions. Each that was read is in one of
// Accepted, Refused, InDoubt and Unsent.
type Report struct {
	Read     int64            `json:"read"` // reactions; one with a count of 3 is three
	Accepted int64            `json:"accepted"`
	Refused  map[string]int64 `json:"refused"`  // by the server's code; certainly not counted
	InDoubt  int64            `json:"in_doubt"` // counted once, or not at all
	Unsent   int64            `json:"unsent"`   // certainly not counted
	Skipped  int64            `json:"skipped"`  // entries of the recording that are no reactions
	Gone     int64            `json:"gone"`     // records that retention removed before they were read

	Requests int64  `json:"requests"`
	Resent   int64  `json:"resent"`    // reactions that were certainly not written, and sent again
	LateMS   int64  `json:"late_ms"`   // the longest time by which a batch was sent after it was due
	TookMS   int64  `json:"took_ms"`   // from the start to now, or to the end of the run
	At       int64  `json:"-"`         // recorded time of the newest reaction read, ms
	Reason   string `json:"reason"`    // of the first reaction that was not accepted
	SkipNote string `json:"skip_note"` // of the first entry that was skipped

	UnsentNote string `json:"unsent_note"` // why the first reaction in Unsent was not sent
	NotTaken   string `json:"-"`           // why the server does not take what is sent again; empty: it does
}

// Whole says whether all that was recorded could be read and was accepted.
func (r Report) Whole() bool {
	return r.Accepted == r.Read && r.Gone == 0
}

// RefusedAll returns how many reactions were refused, for any reason.
func (r Report) RefusedAll() (n int64) {
	for _, of := range r.Refused {
		n += of
	}
	return n
}

// copied returns a report that shares no memory with r.
func (r Report) copied(took time.Duration) Report {
	r.Refused = maps.Clone(r.Refused)
	r.TookMS = took.Milliseconds()
	return r
}
