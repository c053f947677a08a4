package usage

import "time"

// Row is what a test's system says of one process.
type Row struct {
	PID, Parent int
	Started     uint64
	Own, Waited time.Duration
}

// Family is a family for tests.
type Family struct{ family *family }

// FamilyOf returns the family of one process.
func FamilyOf(pid int, started uint64) Family {
	return Family{newFamily(func(s stat) bool { return s.id == id{pid, started} })}
}

// Update takes in all processes of a system.
func (f Family) Update(rows []Row) {
	var system []stat
	for _, r := range rows {
		system = append(system, stat{id: id{r.PID, r.Started}, parent: r.Parent, names: []string{"p"}, own: cpu{user: r.Own}, waited: cpu{user: r.Waited}})
	}
	f.family.update(system)
}

// Spent returns the processor time of all members.
func (f Family) Spent() time.Duration { return f.family.spent().user }

// All returns the members.
func (f Family) All() []Process { return f.family.all }
