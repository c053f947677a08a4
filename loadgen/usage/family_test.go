package usage_test

import (
	"slices"
	"testing"
	"time"

	"github.com/emostream/emostream/loadgen/usage"
)

// system is a system of processes for a test: each is born, spends, ends and is waited
// for as the test says.
type system struct{ rows []usage.Row }

func (s *system) born(pid, parent int) {
	s.rows = append(s.rows, usage.Row{PID: pid, Parent: parent, Started: uint64(pid)})
}

func (s *system) of(pid int) *usage.Row {
	return &s.rows[slices.IndexFunc(s.rows, func(one usage.Row) bool { return one.PID == pid })]
}

func (s *system) spend(pid int, seconds float64) {
	s.of(pid).Own += time.Duration(seconds * float64(time.Second))
}

// end ends a process. Its parent takes note of that if it is said to.
func (s *system) end(pid int, waited bool) {
	gone := *s.of(pid)
	if waited {
		s.of(gone.Parent).Waited += gone.Own + gone.Waited
	}
	s.rows = slices.DeleteFunc(s.rows, func(one usage.Row) bool { return one.PID == pid })
	for i := range s.rows {
		if s.rows[i].Parent == pid {
			s.rows[i].Parent = 1
		}
	}
}

// What members spend counts once and for all, however they end.
func TestProcessorTimeOfMembers(t *testing.T) {
	for name, tt := range map[string]struct {
		history func(s *system, look func())
		seconds float64
		ended   int
	}{
		"a process alone":     {func(s *system, look func()) { s.spend(10, 1); look(); s.spend(10, 2) }, 3, 0},
		"others do not count": {func(s *system, look func()) { s.born(11, 1); s.spend(11, 5); look(); s.spend(10, 1) }, 1, 0},
		"a child":             {func(s *system, look func()) { s.born(11, 10); s.spend(11, 1); look(); s.spend(11, 1); s.spend(10, 1) }, 3, 0},
		"a grandchild":        {func(s *system, look func()) { s.born(11, 10); s.born(12, 11); s.spend(12, 1); look() }, 1, 0},
		"a child that ends and is waited for": {func(s *system, look func()) {
			s.born(11, 10)
			s.spend(11, 1)
			look()
			s.spend(11, 1)
			s.end(11, true)
			look()
			s.spend(10, 1)
		}, 3, 1},
		"a child that nobody saw, and is waited for": {func(s *system, _ func()) { s.born(11, 10); s.spend(11, 1); s.end(11, true) }, 1, 0},
		"a child that ends and is not waited for": {func(s *system, look func()) {
			s.born(11, 10)
			s.spend(11, 1)
			look()
			s.end(11, false)
			look()
			s.spend(10, 1)
		}, 2, 1},
		"one child of two is waited for": {func(s *system, look func()) {
			s.born(11, 10)
			s.born(12, 10)
			s.spend(11, 1)
			s.spend(12, 2)
			look()
			s.end(11, true)
			s.end(12, false)
		}, 3, 2},
		"a child ends after its parent": {func(s *system, look func()) {
			s.born(11, 10)
			s.born(12, 11)
			s.spend(12, 1)
			look()
			s.end(11, true)
			look()
			s.spend(12, 1)
			look()
			s.end(12, false)
			look()
		}, 2, 2},
		"a child and its own child end together": {func(s *system, look func()) {
			s.born(11, 10)
			s.born(12, 11)
			s.spend(11, 1)
			s.spend(12, 2)
			look()
			s.end(12, true)
			s.end(11, true)
			look()
			s.spend(10, 1)
		}, 4, 2},
		"the chosen one ends": {func(s *system, look func()) { s.spend(10, 1); look(); s.end(10, false); look() }, 1, 1},
		"another takes its pid": {func(s *system, look func()) {
			s.spend(10, 1)
			look()
			s.end(10, false)
			s.born(10, 1)
			s.of(10).Started = 99
			s.spend(10, 5)
			look()
		}, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := &system{}
			s.born(1, 0)
			s.born(10, 1)
			f := usage.FamilyOf(10, 10)
			look := func() { f.Update(slices.Clone(s.rows)) }
			look()
			tt.history(s, look)
			look()
			if got := f.Spent().Seconds(); got != tt.seconds {
				t.Errorf("%v s were spent, want %v", got, tt.seconds)
			}
			ended := 0
			for _, p := range f.All() {
				if p.Ended {
					ended++
				}
			}
			if ended != tt.ended {
				t.Errorf("%d have ended, want %d: %v", ended, tt.ended, f.All())
			}
		})
	}
}
