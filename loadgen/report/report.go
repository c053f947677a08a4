// Package report holds the results of a load test and what is made of them: text, an
// HTML page, JSON, CSV and percentile files, thresholds, comparisons of runs, and the
// merged report of several generators.
package report

import "time"

// Schema is the version of the report's format, which loadgen/schema/report.json
// describes. Reports of other versions are not read.
const Schema = "emostream-bench/1"

// Report is the result of a run. What could not be measured is nil, and Notes says so.
// Counts are numbers of reactions unless their comment says otherwise; times are in
// milliseconds.
type Report struct {
	Schema string `json:"schema"`
	// Invalid says that the generator could not keep to its own schedule, so that the
	// figures describe the generator and not the target. Notes says why.
	Invalid     bool     `json:"invalid"`
	Interrupted bool     `json:"interrupted"`
	Notes       []string `json:"notes"`

	// ID is unique to a run, and Parts are those of the runs that a merged report is made
	// of. Reports of older versions have neither.
	ID    string   `json:"id,omitempty"`
	Parts []string `json:"parts,omitempty"`

	Started     time.Time   `json:"started"`
	DurationMS  float64     `json:"duration_ms"` // how long something was due, was sent or was given up; rates are over this time
	Seed        uint64      `json:"seed"`
	Options     Options     `json:"options"`
	Environment Environment `json:"environment"`

	Sent     int64 `json:"sent"`
	Accepted int64 `json:"accepted"`
	Rejected int64 `json:"rejected"`         // certainly not in the log
	InDoubt  int64 `json:"in_doubt"`         // no answer, or an answer that leaves it in doubt
	Unsent   int64 `json:"unsent,omitempty"` // due, and not sent; what was due is Sent + Unsent
	// UnsentBecause says why, in a few words.
	UnsentBecause string           `json:"unsent_because,omitempty"`
	Requests      int64            `json:"requests"`
	Errors        map[string]int64 `json:"errors"` // number of requests, by kind of error: "timeout", "503 not_written"

	Counted *int64 `json:"counted"` // sum over all windows of the greatest total shown
	Lost    *int64 `json:"lost"`    // accepted - counted, if positive; nil, as Doubled and Shifted, if nothing was accepted
	Doubled *int64 `json:"doubled"` // counted - accepted - in doubt, if positive
	// Reactions in doubt may have been counted or not. If all were counted, they hide so
	// many that were lost; if none was, what seems to be one of them was doubled. So at
	// least Lost and at most LostAtMost were lost. Nil: Lost and Doubled are exact.
	LostAtMost    *int64 `json:"lost_at_most,omitempty"`
	DoubledAtMost *int64 `json:"doubled_at_most,omitempty"`
	Shifted       *int64 `json:"shifted"` // counted in a later window than that of their accepted_at
	// UnbalancedBecause says why the books are not whole, though there were to be some: what
	// went to a stream or a channel that nobody was connected to is not in the figures above.
	// Then the run has not passed, and no condition on the books, on gaps or on behind is met.
	UnbalancedBecause string `json:"unbalanced_because,omitempty"`
	// Windows holds the first hundred windows that do not balance.
	Windows []WindowBalance `json:"windows"`
	// Streams holds what each stream of another service showed, if it has several.
	Streams []Stream `json:"streams,omitempty"`

	Latency map[string]*Latency `json:"latency"` // keys: SendDelay, Ack, ...; an answer that never came counts in Ack with the time that was waited for it
	// WarmUp is what of all counts belongs to the warm-up; nil if there was none. It is in
	// no latency of the report and in no rate, nor in conditions on what a Part has. Books
	// and listeners are those of the whole run.
	WarmUp    *Part     `json:"warm_up,omitempty"`
	Stages    []Stage   `json:"stages,omitempty"`
	Listeners Listeners `json:"listeners"`
	Series    []Point   `json:"series"` // one point a second

	TargetUsage *TargetUsage `json:"target_usage,omitempty"` // nil: no process of the target was measured

	Thresholds []ThresholdResult `json:"thresholds"`
	Search     []Step            `json:"search,omitempty"` // set by FindMax

	Scenario Scenario `json:"scenario,omitzero"`
}

// SetLatency adds a latency if it has any values.
func (r *Report) SetLatency(name string, h *Histogram) {
	if l := h.Latency(); l != nil {
		r.Latency[name] = l
	}
}

// SetBooks sets what listeners were shown of what was accepted. If nothing was accepted,
// nothing could be lost: then it is not known, unless something was shown that was never
// sent.
func (r *Report) SetBooks(counted, lost, doubled, shifted int64) {
	r.Counted = &counted
	if r.Accepted > 0 || lost+doubled > 0 {
		r.Lost, r.Doubled, r.Shifted = &lost, &doubled, &shifted
	}
}

// SetAtMost sets how many reactions may have been lost and doubled. It is called after
// SetBooks.
func (r *Report) SetAtMost(lost, doubled int64) {
	r.LostAtMost, r.DoubledAtMost = beyond(r.Lost, lost), beyond(r.Doubled, doubled)
}

// beyond returns a greatest number if it is known and more than the least one.
func beyond(least *int64, most int64) *int64 {
	if least == nil || most <= *least {
		return nil
	}
	return &most
}

// Latency is a distribution, in milliseconds. Histogram holds the whole distribution,
// so that reports can be merged exactly. It is HdrHistogram's V2 compressed form in
// base64, with values in microseconds.
type Latency struct {
	Count     int64   `json:"count"`
	Mean      float64 `json:"mean"`
	P50       float64 `json:"p50"`
	P90       float64 `json:"p90"`
	P99       float64 `json:"p99"`
	P999      float64 `json:"p999"`
	Max       float64 `json:"max"`
	Histogram string  `json:"histogram"`
}

// Options holds what the run was asked to do.
type Options struct {
	Target      string  `json:"target"`
	Rate        float64 `json:"rate"` // reactions a second; 0: closed loop
	Stages      string  `json:"stages,omitempty"`
	Burst       string  `json:"burst,omitempty"`
	WarmUpMS    float64 `json:"warm_up_ms,omitempty"`
	DurationMS  float64 `json:"duration_ms"`
	Connections int     `json:"connections"`
	Listeners   int     `json:"listeners"`
	ArriveMS    float64 `json:"arrive_ms,omitempty"` // listeners arrived over that time
	Slow        int     `json:"slow,omitempty"`      // listeners that read slowly
	SlowPace    int     `json:"slow_pace,omitempty"` // bytes a second that each of them reads
	Stalled     int     `json:"stalled"`
	Mute        int     `json:"mute,omitempty"` // clients that connect and ask for nothing
	Churn       float64 `json:"churn"`          // listeners that leave and are replaced, a second
	Batch       int     `json:"batch"`          // reactions per request
	Kinds       int     `json:"kinds"`          // different emojis
	Users       int     `json:"users"`
	Channel     string  `json:"channel"`
	Channels    int     `json:"channels,omitempty"` // set if there are several
	Streams     int     `json:"streams,omitempty"`  // of another service; set if there are several

	// The following were added later. A report without them is of a run with the
	// defaults.
	TimeoutMS  float64 `json:"timeout_ms,omitempty"`  // how long a request may take
	DrainMS    float64 `json:"drain_ms,omitempty"`    // how long after the schedule's end to send
	SilenceMS  float64 `json:"silence_ms,omitempty"`  // how long a stream may send nothing
	PatienceMS float64 `json:"patience_ms,omitempty"` // how long the balance was waited for
	PostType   string  `json:"post_type,omitempty"`
	PostBody   string  `json:"post_body,omitempty"` // the length and the beginning of the hash of the body, which may hold secrets
	Match      string  `json:"match,omitempty"`
	Insecure   bool    `json:"insecure,omitempty"` // the target's certificates were not checked
	// Requests is what a run was asked to put into its requests; nil: nothing.
	Requests *RequestOptions `json:"requests,omitempty"`
	HTTP     string          `json:"http,omitempty"` // the version that was spoken: 1.1 or 2
}

// Environment describes the machine and the program that made the load.
type Environment struct {
	Version   string `json:"version"`
	Go        string `json:"go"`
	OS        string `json:"os"`
	Arch      string `json:"arch"`
	CPUs      int    `json:"cpus"`
	Host      string `json:"host"`
	OpenFiles int64  `json:"open_files"` // limit of open files; 0: unknown
}

// Listeners holds what the listeners saw.
type Listeners struct {
	Wanted     int   `json:"wanted"`
	Connected  int   `json:"connected"` // the greatest number at one time
	Events     int64 `json:"events"`
	Bytes      int64 `json:"bytes"`
	Gaps       int64 `json:"gaps"`    // windows that only other listeners saw
	Behind     int64 `json:"behind"`  // windows of which other listeners saw a greater total
	Repeats    int64 `json:"repeats"` // windows sent again unchanged, which is legal: readers merge them
	OutOfOrder int64 `json:"out_of_order"`
	Reconnects int64 `json:"reconnects"`
	Resumes    int64 `json:"resumes"` // reconnects with a Last-Event-ID
	Refused    int64 `json:"refused"`
	Joined     int64 `json:"joined"` // joined because of churn
	Left       int64 `json:"left"`

	// What the target did to listeners that have no share in the figures above; nil: there
	// were to be none.
	Slow    *Borne `json:"slow,omitempty"`
	Stalled *Borne `json:"stalled,omitempty"`
	Mute    *Borne `json:"mute,omitempty"`
}

// WindowBalance is an emoji of a window that does not balance: reactions were lost,
// doubled or shifted.
type WindowBalance struct {
	Channel  string    `json:"channel,omitempty"` // set if the run had several
	End      time.Time `json:"end"`
	Emoji    string    `json:"emoji_type"`
	Accepted int64     `json:"accepted"` // reactions whose accepted_at is in the window
	Counted  int64     `json:"counted"`  // what listeners were shown
}

// Point is one second of a run.
type Point struct {
	AtMS      float64 `json:"at_ms"` // end of the second, since the start
	Asked     float64 `json:"asked"` // reactions a second
	Sent      int64   `json:"sent"`
	Accepted  int64   `json:"accepted"`
	Failed    int64   `json:"failed"` // rejected or in doubt
	Listeners int     `json:"listeners"`
	Events    int64   `json:"events"`
	AckP50    float64 `json:"ack_p50"`
	AckP99    float64 `json:"ack_p99"`
}

// ThresholdResult is a condition and whether it was met. Actual is nil if it was not
// measured; the condition is then not met.
type ThresholdResult struct {
	Condition string   `json:"condition"`
	Actual    *float64 `json:"actual"`
	Met       bool     `json:"met"`
}

// Step is one rate of a search.
type Step struct {
	Rate    float64  `json:"rate"`
	Reached float64  `json:"reached"`
	Met     bool     `json:"met"`
	Missed  []string `json:"missed"` // conditions that were not met
}
