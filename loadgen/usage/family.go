package usage

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// stat is what the system says of one process at one moment.
type stat struct {
	id
	parent int
	names  []string // of its command: as ps shows it, and then as the process was started
	ended  bool     // it waits for its parent to take note of its end
	own    cpu
	waited cpu // of children that have ended, and whose end the process has taken note of
	rss    int64
}

// id is a process. A later process may have the same pid.
type id struct {
	pid     int
	started uint64
}

// cpu is processor time.
type cpu struct{ user, system time.Duration }

func (c cpu) plus(o cpu) cpu  { return cpu{c.user + o.user, c.system + o.system} }
func (c cpu) minus(o cpu) cpu { return cpu{c.user - o.user, c.system - o.system} }
func (c cpu) positive() cpu   { return cpu{max(0, c.user), max(0, c.system)} }
func (s stat) total() cpu     { return s.own.plus(s.waited) }

// family is the chosen processes and their descendants, and adds up what they spend. It
// is pure: its caller says what the system says.
//
// The processor time of a child that has ended is added to its parent's, if the parent
// takes note of that. So the sum over the living, each with what it has waited for, loses
// nothing then. Where a parent does not take note, or has ended itself, the last that was
// known of the child is kept.
type family struct {
	chosen  func(stat) bool
	members map[id]stat // as they were last seen
	all     []Process   // members of all times, in the order in which they were seen first
	order   map[id]int  // index in all
	kept    cpu         // of members that have ended and that no living one has waited for
}

func newFamily(chosen func(stat) bool) *family {
	return &family{chosen: chosen, members: map[id]stat{}, order: map[id]int{}}
}

// update takes in what the system says of all its processes.
func (f *family) update(system []stat) {
	now := f.living(system)
	spent := map[id]cpu{} // what ended members had spent, by the living one that may have waited for them
	for _, gone := range f.members {
		if _, lives := now[gone.id]; lives {
			continue
		}
		f.all[f.order[gone.id]].Ended = true
		if heir, ok := f.heir(gone, now); ok {
			spent[heir] = spent[heir].plus(gone.total())
		} else {
			f.kept = f.kept.plus(gone.total())
		}
	}
	for heir, total := range spent {
		taken := now[heir].waited.minus(f.members[heir].waited)
		f.kept = f.kept.plus(total.minus(taken).positive())
	}
	f.members = now
}

// living returns the members among all processes, and notes new ones.
func (f *family) living(system []stat) map[id]stat {
	slices.SortFunc(system, func(a, b stat) int { return cmp.Or(cmp.Compare(a.started, b.started), cmp.Compare(a.pid, b.pid)) })
	now, byPID := map[id]stat{}, map[int]bool{}
	for _, s := range system { // parents start before their children
		_, member := f.members[s.id]
		if !member && !byPID[s.parent] && !f.chosen(s) {
			continue
		}
		now[s.id], byPID[s.pid] = s, true
		if _, known := f.order[s.id]; !known {
			f.order[s.id] = len(f.all)
			f.all = append(f.all, Process{PID: s.pid, Command: s.names[0]})
		}
		if s.ended {
			f.all[f.order[s.id]].Ended = true
		}
	}
	return now
}

// heir returns the nearest ancestor of an ended member that lives.
func (f *family) heir(gone stat, now map[id]stat) (id, bool) {
	for range len(f.members) { // ends even where a pid was taken again by a descendant
		parent, ok := f.member(gone.parent)
		if !ok {
			return id{}, false
		}
		if _, lives := now[parent.id]; lives {
			return parent.id, true
		}
		gone = parent
	}
	return id{}, false
}

// member returns the member that last had a pid.
func (f *family) member(pid int) (stat, bool) {
	for m := range maps.Values(f.members) {
		if m.pid == pid {
			return m, true
		}
	}
	return stat{}, false
}

// spent returns the processor time of all members of all times, from their starts on.
func (f *family) spent() cpu {
	sum := f.kept
	for _, m := range f.members {
		sum = sum.plus(m.total())
	}
	return sum
}

// resident returns how much memory of the living is resident; nil if none lives.
func (f *family) resident() *int64 {
	var sum *int64
	for _, m := range f.members {
		if m.ended {
			continue
		}
		if sum == nil {
			sum = new(int64)
		}
		*sum += m.rss
	}
	return sum
}
