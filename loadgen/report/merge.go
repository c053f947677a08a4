package report

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Merge joins the reports of generators that put one target under load at the same
// time. The result is the report that a single, stronger generator would have made.
// Counters and histograms are added, which is exact. Merge refuses searches, the same
// run twice, runs that did not overlap, and runs whose options differ in more than
// rate, connections, listeners, slow, stalled, mute, churn, users, seed and channels.
//
// The balances of generators with separate channels are added. If generators shared a
// channel, each was shown what all of them sent; see sharedBalance.
//
// In the time series, rates are added. The ack of a second is that of the slowest
// generator, since a report does not hold its distribution. Thresholds are evaluated
// again.
func Merge(reports []Report) (Report, error) {
	if len(reports) < 2 {
		return Report{}, fmt.Errorf("merge: %d reports: want at least two", len(reports))
	}
	if err := checkJoinable(reports); err != nil {
		return Report{}, fmt.Errorf("merge: %w", err)
	}
	m := Report{Schema: Schema, Parts: partsOf(reports), Errors: map[string]int64{}}
	m.Started, m.DurationMS = period(reports)
	m.Seed = reports[0].Seed
	m.Options, m.Environment = mergeOptions(reports), mergeEnvironment(reports)
	for i, r := range reports {
		m.Invalid = m.Invalid || r.Invalid
		m.Interrupted = m.Interrupted || r.Interrupted
		for _, n := range r.Notes {
			m.Notes = append(m.Notes, fmt.Sprintf("Generator %d (%s): %s", i+1, cmp.Or(r.Environment.Host, "unnamed"), n))
		}
		m.Sent += r.Sent
		m.Accepted += r.Accepted
		m.Rejected += r.Rejected
		m.InDoubt += r.InDoubt
		m.Unsent += r.Unsent
		m.Requests += r.Requests
		for k, n := range r.Errors {
			m.Errors[k] += n
		}
		addListeners(&m.Listeners, r.Listeners)
	}
	m.UnsentBecause = joinValues(reports, func(r Report) string { return r.UnsentBecause })
	mergeBalances(&m, reports)
	var err error
	if m.TargetUsage, err = mergeUsage(reports); err != nil {
		return Report{}, fmt.Errorf("merge: %w", err)
	}
	var latencies []map[string]*Latency
	for _, r := range reports {
		latencies = append(latencies, r.Latency)
	}
	if m.Latency, err = mergeLatencies(latencies); err != nil {
		return Report{}, fmt.Errorf("merge: %w", err)
	}
	if err := mergeStages(&m, reports); err != nil {
		return Report{}, fmt.Errorf("merge: %w", err)
	}
	if m.Streams, err = mergeStreams(reports); err != nil {
		return Report{}, fmt.Errorf("merge: %w", err)
	}
	m.Series = mergeSeries(m.Started, reports)
	if m.Thresholds, err = mergeThresholds(m, reports); err != nil {
		return Report{}, fmt.Errorf("merge: %w", err)
	}
	return m, nil
}

// checkJoinable returns why reports cannot be joined, or nil if they can.
func checkJoinable(reports []Report) error {
	first := reports[0]
	for i, r := range reports {
		if len(r.Search) > 0 {
			return fmt.Errorf("report %d is a search for the greatest rate: searches of several generators do not meet", i+1)
		}
		for j, earlier := range reports[:i] {
			if err := checkApart(j+1, earlier, i+1, r); err != nil {
				return err
			}
			if r.Started.Equal(earlier.Started) && r.Environment.Host == earlier.Environment.Host && r.Seed == earlier.Seed &&
				r.Options.Channel == earlier.Options.Channel && r.Sent == earlier.Sent {
				return fmt.Errorf("reports %d and %d are the same run", j+1, i+1)
			}
		}
		for _, a := range mustAgree() {
			if was, is := a.value(first), a.value(r); was != is {
				return fmt.Errorf("report 1 has %s %q and report %d %q: generators of one load agree in it", a.name, clip(was, 60), i+1, clip(is, 60))
			}
		}
		if (rateOf(r.Options) == "closed loop") != (rateOf(first.Options) == "closed loop") {
			return &LoopError{Report: i + 1}
		}
	}
	return checkOverlap(reports)
}

// LoopError says that either this report or the first one, but not both, is of a closed
// loop. What a closed loop sends depends on the answers, and cannot be added to a rate.
type LoopError struct{ Report int } // from 1

func (e *LoopError) Error() string {
	return fmt.Sprintf("report 1 and report %d are not both of an open loop", e.Report)
}

// OverlapError says that there was no moment at which all runs were sending: the run of
// report Report started when the run of report Ended had already ended.
type OverlapError struct {
	Report, Ended int // from 1
	Started       time.Time
}

func (e *OverlapError) Error() string {
	return fmt.Sprintf("report %d starts at %s, when report %d had ended", e.Report, e.Started.UTC().Format(time.RFC3339), e.Ended)
}

// mustAgree returns the properties that must be the same for all generators of one
// load.
func mustAgree() []runProperty {
	differ := []string{"rate", "connections", "listeners", "slow", "stalled", "mute", "churn", "users", "channels"}
	all := slices.DeleteFunc(loadProperties(), func(a runProperty) bool { return slices.Contains(differ, a.name) })
	return append(all, runProperty{"target", true, func(r Report) string { return r.Options.Target }})
}

// checkOverlap returns an error unless all runs were sending at some moment.
func checkOverlap(reports []Report) error {
	last, first := 0, 0 // index of the last run to start, and of the first to end
	for i, r := range reports {
		if r.Started.After(reports[last].Started) {
			last = i
		}
		if ended(r).Before(ended(reports[first])) {
			first = i
		}
	}
	if !reports[last].Started.Before(ended(reports[first])) {
		return &OverlapError{Report: last + 1, Started: reports[last].Started, Ended: first + 1}
	}
	return nil
}

// ended returns when a run had sent everything.
func ended(r Report) time.Time {
	return r.Started.Add(time.Duration(r.DurationMS * float64(time.Millisecond)))
}

// period returns the first start and the time in ms from there to the last end.
func period(reports []Report) (start time.Time, ms float64) {
	start, end := reports[0].Started, ended(reports[0])
	for _, r := range reports[1:] {
		if r.Started.Before(start) {
			start = r.Started
		}
		if ended(r).After(end) {
			end = ended(r)
		}
	}
	return start, float64(end.Sub(start)) / float64(time.Millisecond)
}

func mergeOptions(reports []Report) Options {
	o := reports[0].Options
	for _, r := range reports[1:] {
		o.Rate += r.Options.Rate
		o.Connections += r.Options.Connections
		o.Listeners += r.Options.Listeners
		o.Stalled += r.Options.Stalled
		o.Slow += r.Options.Slow
		o.Mute += r.Options.Mute
		o.Channels = max(1, o.Channels) + max(1, r.Options.Channels)
		o.Churn += r.Options.Churn
		o.Users += r.Options.Users
		o.Insecure = o.Insecure || r.Options.Insecure
	}
	o.Channel = joinValues(reports, func(r Report) string { return r.Options.Channel })
	each := fmt.Sprintf(" (each of %d generators)", len(reports))
	if !slices.ContainsFunc(reports, func(r Report) bool { return r.Options.Channels > 1 }) {
		o.Channels = 0
	}
	if o.Stages != "" {
		o.Stages += each
	}
	if o.Burst != "" {
		o.Burst += each
	}
	return o
}

func mergeEnvironment(reports []Report) Environment {
	e := Environment{
		Version: joinValues(reports, func(r Report) string { return r.Environment.Version }),
		Go:      joinValues(reports, func(r Report) string { return r.Environment.Go }),
		OS:      joinValues(reports, func(r Report) string { return r.Environment.OS }),
		Arch:    joinValues(reports, func(r Report) string { return r.Environment.Arch }),
		Host:    joinValues(reports, func(r Report) string { return r.Environment.Host }),
	}
	hosts := map[string]bool{}
	for i, r := range reports {
		if i == 0 || r.Environment.OpenFiles < e.OpenFiles {
			e.OpenFiles = r.Environment.OpenFiles
		}
		if host := r.Environment.Host; host == "" || !hosts[host] { // skipped if another generator ran on the same machine
			hosts[host] = true
			e.CPUs += r.Environment.CPUs
		}
	}
	return e
}

// joinValues returns the distinct values in the reports, separated by commas.
func joinValues(reports []Report, value func(Report) string) string {
	var all []string
	for _, r := range reports {
		if v := value(r); v != "" && !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return strings.Join(all, ", ")
}

func addListeners(to *Listeners, l Listeners) {
	to.Wanted += l.Wanted
	to.Connected += l.Connected
	to.Events += l.Events
	to.Bytes += l.Bytes
	to.Gaps += l.Gaps
	to.Behind += l.Behind
	to.Repeats += l.Repeats
	to.OutOfOrder += l.OutOfOrder
	to.Reconnects += l.Reconnects
	to.Resumes += l.Resumes
	to.Refused += l.Refused
	to.Joined += l.Joined
	to.Left += l.Left
	addBorne(&to.Slow, l.Slow)
	addBorne(&to.Stalled, l.Stalled)
	addBorne(&to.Mute, l.Mute)
}

// mergeLatencies adds the histograms of each latency that any generator has.
func mergeLatencies(generators []map[string]*Latency) (map[string]*Latency, error) {
	sums := map[string]*Histogram{}
	merged := map[string]*Latency{}
	for i, latency := range generators {
		for _, key := range slices.Sorted(maps.Keys(latency)) {
			if _, ok := merged[key]; !ok {
				merged[key], sums[key] = nil, NewHistogram()
			}
			l := latency[key]
			if l == nil {
				continue
			}
			h, err := l.Decode()
			if err != nil {
				return nil, fmt.Errorf("report %d: latency %s: %w", i+1, key, err)
			}
			sums[key].Merge(h)
		}
	}
	for key, h := range sums {
		merged[key] = h.Latency()
	}
	return merged, nil
}

// mergeSeries adds up the points of each second since the first start.
func mergeSeries(start time.Time, reports []Report) []Point {
	seconds := map[int64]*Point{}
	for _, r := range reports {
		late := float64(r.Started.Sub(start)) / float64(time.Millisecond)
		for _, p := range r.Series {
			second := int64((late + p.AtMS + 500) / 1000)
			sum := seconds[second]
			if sum == nil {
				sum = &Point{AtMS: float64(second) * 1000}
				seconds[second] = sum
			}
			sum.Asked += p.Asked
			sum.Sent += p.Sent
			sum.Accepted += p.Accepted
			sum.Failed += p.Failed
			sum.Listeners += p.Listeners
			sum.Events += p.Events
			sum.AckP50, sum.AckP99 = max(sum.AckP50, p.AckP50), max(sum.AckP99, p.AckP99)
		}
	}
	var all []Point
	for _, second := range slices.Sorted(maps.Keys(seconds)) {
		all = append(all, *seconds[second])
	}
	return all
}

// mergeThresholds evaluates the conditions of all reports on the joined report.
func mergeThresholds(m Report, reports []Report) ([]ThresholdResult, error) {
	var conds []Threshold
	for _, r := range reports {
		for _, t := range r.Thresholds {
			c, err := ParseThreshold(t.Condition)
			if err != nil {
				return nil, errors.Join(errors.New("a threshold of a report cannot be evaluated"), err)
			}
			if !slices.ContainsFunc(conds, func(o Threshold) bool { return o.text == c.text }) {
				conds = append(conds, c)
			}
		}
	}
	return Evaluate(conds, m), nil
}
