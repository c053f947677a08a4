package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/emostream/emostream/internal/text"
)

// TargetUsage is what processes of the target spent and held. A figure is nil if it could
// not be read of all of them.
type TargetUsage struct {
	// Processes holds those that were measured, at most MaxProcesses.
	Processes []TargetProcess `json:"processes"`
	// DurationMS is how long processor time, requests and deliveries were counted: from
	// when sending began until it ended.
	DurationMS  float64 `json:"duration_ms"`
	CPUUserMS   float64 `json:"cpu_user_ms"`
	CPUSystemMS float64 `json:"cpu_system_ms"`
	Requests    int64   `json:"requests"`
	Deliveries  int64   `json:"deliveries"` // events that were shown to a listener
	// Memory is what is resident; what processes share counts for each of them. It begins
	// before listeners come, and ends with sending.
	MemoryBegin *int64 `json:"memory_begin"`
	MemoryMax   *int64 `json:"memory_max"` // of a look every second
	MemoryEnd   *int64 `json:"memory_end"`
	// PSS is the same, but what processes share counts once.
	PSSBegin       *int64 `json:"pss_begin"`
	PSSEnd         *int64 `json:"pss_end"`
	DescriptorsMax *int64 `json:"descriptors_max"` // of a look every second
}

// TargetProcess is a process of the target.
type TargetProcess struct {
	PID     int    `json:"pid"`
	Command string `json:"command"`
	Ended   bool   `json:"ended"` // before sending did
}

// MaxProcesses is how many processes a report names.
const MaxProcesses = 100

// usageMetrics returns the metrics of what the target spent. Processor time is that of
// all that the target did, divided by requests, or by deliveries.
func usageMetrics() []metric {
	figure := func(name string, u unit, value func(Report, TargetUsage) *float64) metric {
		return metric{name: name, unit: u, value: func(r Report) *float64 {
			if r.TargetUsage == nil {
				return nil
			}
			return value(r, *r.TargetUsage)
		}}
	}
	whole := func(of func(TargetUsage) *int64) func(Report, TargetUsage) *float64 {
		return func(_ Report, u TargetUsage) *float64 {
			if v := of(u); v != nil {
				return new(float64(*v))
			}
			return nil
		}
	}
	return []metric{
		figure("cpu_cores", plain, func(_ Report, u TargetUsage) *float64 { return ratio(u.cpuMS(), u.DurationMS) }),
		figure("cpu_per_request", micros, func(_ Report, u TargetUsage) *float64 { return ratio(1000*u.cpuMS(), float64(u.Requests)) }),
		figure("cpu_per_delivery", micros, func(_ Report, u TargetUsage) *float64 { return ratio(1000*u.cpuMS(), float64(u.Deliveries)) }),
		figure("memory_max", octets, whole(func(u TargetUsage) *int64 { return u.MemoryMax })),
		figure("memory_end", octets, whole(func(u TargetUsage) *int64 { return u.MemoryEnd })),
		figure("memory_per_listener", octets, Report.memoryPerListener),
		figure("descriptors_max", plain, whole(func(u TargetUsage) *int64 { return u.DescriptorsMax })),
	}
}

// OfTargetUsage says whether the condition is on what the target spent.
func (t Threshold) OfTargetUsage() bool {
	return slices.ContainsFunc(usageMetrics(), func(m metric) bool { return m.name == t.metric.name })
}

func (u TargetUsage) cpuMS() float64 { return u.CPUUserMS + u.CPUSystemMS }

// ratio returns a/b, or nil if b is 0.
func ratio(a, b float64) *float64 {
	if b == 0 {
		return nil
	}
	return new(a / b)
}

// memoryPerListener returns by how much the memory grew for each listener. It is nil if
// fewer than MinListeners came, or if the memory did not grow: then it would be the memory
// of something else.
func (r Report) memoryPerListener(u TargetUsage) *float64 {
	if v := r.memoryAdded(u); v != nil && *v > 0 {
		return v
	}
	return nil
}

// memoryAdded returns the growth of memory, which may be below 0, divided by listeners,
// those among them that do not read as others do and were kept. What processes share counts
// once, if that is known. It is nil if fewer than MinListeners came.
func (r Report) memoryAdded(u TargetUsage) *float64 {
	listeners := r.Listeners.Connected
	for _, kind := range borneKinds(r.Listeners) {
		if kind.borne != nil {
			listeners += kind.borne.Kept
		}
	}
	if listeners < MinListeners {
		return nil
	}
	begin, end := u.PSSBegin, u.PSSEnd
	if begin == nil || end == nil {
		begin, end = u.MemoryBegin, u.MemoryEnd
	}
	if begin == nil || end == nil {
		return nil
	}
	return new(float64(*end-*begin) / float64(listeners))
}

// MinListeners is how many listeners there are at least where memory_per_listener is said.
const MinListeners = 100

// usageRow is a line of what the target spent: a name, a value and a remark.
type usageRow struct{ name, value, remark string }

// usageRows returns what the target spent, as people read it.
func (r Report) usageRows() []usageRow {
	u := r.TargetUsage
	if u == nil {
		return nil
	}
	value := func(name string) *float64 {
		m, err := findMetric(name)
		if err != nil {
			return nil
		}
		return m.value(r)
	}
	var rows []usageRow
	add := func(name string, v *float64, format func(float64) string, remark string) {
		if v == nil {
			rows = append(rows, usageRow{name, "not available", ""})
			return
		}
		rows = append(rows, usageRow{name, format(*v), remark})
	}
	seconds := func(ms float64) string { return text.Decimals(ms/1000, 2) + " s" }
	size := func(v float64) string { return amount(int64(v)) }
	rows = append(rows, usageRow{"processes", text.Thousands(int64(len(u.Processes))), u.names()})
	cores := value("cpu_cores")
	if cores == nil {
		return rows // nothing was sent
	}
	add("processor time", new(u.cpuMS()), seconds, fmt.Sprintf("%s cores; user %s, system %s", short(*cores), seconds(u.CPUUserMS), seconds(u.CPUSystemMS)))
	if u.Requests > 0 {
		add("by request", value("cpu_per_request"), micro, "all of it, for "+text.Plural(u.Requests, "request"))
	}
	if u.Deliveries > 0 {
		add("by delivery", value("cpu_per_delivery"), micro, "all of it, for "+text.Plural(u.Deliveries, "event")+" to a listener")
	}
	var times []string
	for _, at := range []struct {
		v    *int64
		when string
	}{{u.MemoryEnd, "at the end"}, {u.MemoryBegin, "at first"}} {
		if at.v != nil {
			times = append(times, amount(*at.v)+" "+at.when)
		}
	}
	add("memory, most", value("memory_max"), size, strings.Join(times, ", "))
	if v := value("memory_per_listener"); v != nil {
		add("by listener", v, size, choose(u.PSSEnd != nil, "what was added, shared memory counted once", "what was added"))
	} else if r.memoryAdded(*u) != nil {
		rows = append(rows, usageRow{"by listener", "not measured", "memory did not grow: the target gave back some of before"})
	}
	add("descriptors", value("descriptors_max"), short, "at most")
	return rows
}

// micro formats microseconds.
func micro(v float64) string { return short(v) + " µs" }

// names returns the processes in words, those with the same command together.
func (u TargetUsage) names() string {
	var commands []string
	count := map[string]int{}
	first := map[string]int{}
	for _, p := range u.Processes {
		if count[p.Command]++; count[p.Command] == 1 {
			commands, first[p.Command] = append(commands, p.Command), p.PID
		}
	}
	for i, c := range commands {
		if n := count[c]; n > 1 {
			commands[i] = fmt.Sprintf("%d %s (pid %d ...)", n, c, first[c])
		} else {
			commands[i] = fmt.Sprintf("%s (pid %d)", c, first[c])
		}
	}
	return strings.Join(commands, ", ")
}

// commands returns the distinct commands of the processes.
func (u *TargetUsage) commands() string {
	if u == nil {
		return ""
	}
	var names []string
	for _, p := range u.Processes {
		if !slices.Contains(names, p.Command) {
			names = append(names, p.Command)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// mergeUsage joins what generators of one load measured of its target. Generators on one
// machine measured the same processes, so that the greatest of their figures holds. What
// those of several machines measured is added. All requests and deliveries count, also of
// generators that measured nothing of the target.
func mergeUsage(reports []Report) (*TargetUsage, error) {
	byHost := map[string]*TargetUsage{}
	var hosts []string
	sum := &TargetUsage{}
	for i, r := range reports {
		u := r.TargetUsage
		if u == nil {
			sum.Requests += r.Requests
			sum.Deliveries += r.Listeners.Events
			continue
		}
		sum.Requests += u.Requests
		sum.Deliveries += u.Deliveries
		host := r.Environment.Host
		before, known := byHost[host]
		if !known {
			own := *u
			byHost[host], hosts = &own, append(hosts, host)
			continue
		}
		if u.commands() != before.commands() {
			return nil, fmt.Errorf("report %d measured %s on %s, and an earlier one %s: generators on one machine measure the same processes", i+1, u.commands(), cmp.Or(host, "its machine"), before.commands())
		}
		before.join(*u, func(a, b float64) float64 { return max(a, b) }, greater)
	}
	if len(hosts) == 0 {
		return nil, nil
	}
	for _, host := range hosts {
		u := byHost[host]
		if sum.Processes == nil {
			requests, deliveries := sum.Requests, sum.Deliveries
			*sum = *u
			sum.Requests, sum.Deliveries = requests, deliveries
			continue
		}
		sum.Processes = append(slices.Clip(sum.Processes), u.Processes...)
		sum.join(*u, func(a, b float64) float64 { return a + b }, added)
	}
	sum.Processes = sum.Processes[:min(len(sum.Processes), MaxProcesses)]
	return sum, nil
}

// join joins the figures of another report to those of u, but for requests and
// deliveries.
func (u *TargetUsage) join(o TargetUsage, times func(a, b float64) float64, counts func(a, b *int64) *int64) {
	u.DurationMS = max(u.DurationMS, o.DurationMS)
	u.CPUUserMS, u.CPUSystemMS = times(u.CPUUserMS, o.CPUUserMS), times(u.CPUSystemMS, o.CPUSystemMS)
	u.MemoryBegin, u.MemoryMax, u.MemoryEnd = counts(u.MemoryBegin, o.MemoryBegin), counts(u.MemoryMax, o.MemoryMax), counts(u.MemoryEnd, o.MemoryEnd)
	u.PSSBegin, u.PSSEnd = counts(u.PSSBegin, o.PSSBegin), counts(u.PSSEnd, o.PSSEnd)
	u.DescriptorsMax = counts(u.DescriptorsMax, o.DescriptorsMax)
}

// greater returns the greater of two figures; nil if one is not known.
func greater(a, b *int64) *int64 {
	if a == nil || b == nil {
		return nil
	}
	return new(max(*a, *b))
}

// added returns the sum of two figures; nil if one is not known.
func added(a, b *int64) *int64 {
	if a == nil || b == nil {
		return nil
	}
	return new(*a + *b)
}
