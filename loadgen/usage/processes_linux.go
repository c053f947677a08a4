package usage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/procfs"
)

// Supported returns an error if processes cannot be measured on this system.
func Supported() error { return nil }

// Processes are the processes that a Selection chooses, and their descendants. It must
// not be used by two goroutines at once.
type Processes struct {
	proc    procfs.FS
	byName  bool               // processes are chosen by their command
	started map[started]string // if byName: the names by which all processes of the system were started
	family  *family
	before  cpu // what had been spent before Find
}

// started is a process since it runs a command.
type started struct {
	id
	command string
}

// Find finds the processes that a selection chooses. It returns an error if a part of the
// selection chooses none, or this process.
func Find(s Selection) (*Processes, error) {
	proc, err := procfs.NewDefaultFS()
	if err != nil {
		return nil, fmt.Errorf("processes are measured by /proc, which cannot be read: %w", err)
	}
	p := &Processes{proc: proc, byName: len(s.Commands) > 0}
	system, err := p.system()
	if err != nil {
		return nil, err
	}
	own := os.Getpid()
	starters := ancestors(system, own)
	roots := map[id]bool{}
	for _, pid := range s.PIDs {
		i := slices.IndexFunc(system, func(s stat) bool { return s.pid == pid })
		switch {
		case pid == own:
			return nil, fmt.Errorf("pid %d is this load test itself: give the pid of the target", pid)
		case i < 0 || system[i].ended:
			return nil, fmt.Errorf("no process has the pid %d: it has ended, or was started anew. `ps -e` lists those that run", pid)
		case starters[pid]:
			return nil, fmt.Errorf("pid %d (%s) has started this load test, which would be measured with it: give the pid of the target", pid, system[i].names[0])
		}
		roots[system[i].id] = true
	}
	named := func(s stat, command string) bool {
		return slices.Contains(s.names, command) && !s.ended && s.pid != own && !starters[s.pid]
	}
	for _, command := range s.Commands {
		if !slices.ContainsFunc(system, func(s stat) bool { return named(s, command) }) {
			return nil, fmt.Errorf("no process has the command %.60q: is it running? `ps -e` lists the commands", command)
		}
	}
	p.family = newFamily(func(one stat) bool {
		return roots[one.id] || slices.ContainsFunc(s.Commands, func(command string) bool { return named(one, command) })
	})
	p.family.update(system)
	p.before = p.family.spent()
	return p, nil
}

// ancestors returns the pids of the processes that started a process, directly or not.
func ancestors(system []stat, pid int) map[int]bool {
	parents, found := map[int]int{}, map[int]bool{}
	for _, s := range system {
		parents[s.pid] = s.parent
	}
	for at := parents[pid]; at > 0 && !found[at]; at = parents[at] {
		found[at] = true
	}
	return found
}

// All returns the processes that are measured, and those that were. A later call has
// those of an earlier one at its beginning.
func (p *Processes) All() []Process { return slices.Clone(p.family.all) }

// Read returns what the processes use. PSS is read only if it is asked for, since that
// stops a large process for some milliseconds.
func (p *Processes) Read(withPSS bool) (Usage, error) {
	system, err := p.system()
	if err != nil {
		return Usage{}, err
	}
	p.family.update(system)
	spent := p.family.spent().minus(p.before)
	u := Usage{User: spent.user, System: spent.system, RSS: p.family.resident()}
	u.Descriptors = p.sum(func(one procfs.Proc) (int64, error) {
		n, err := one.FileDescriptorsLen()
		return int64(n), err
	})
	if withPSS {
		u.PSS = p.sum(func(one procfs.Proc) (int64, error) {
			rollup, err := one.ProcSMapsRollup()
			return int64(rollup.Pss), err
		})
	}
	return u, nil
}

// sum adds up a figure of all living processes; nil if it cannot be read of one of them,
// or none lives.
func (p *Processes) sum(read func(procfs.Proc) (int64, error)) *int64 {
	var sum *int64
	for _, m := range p.family.members {
		if m.ended {
			continue
		}
		one, err := p.proc.Proc(m.pid)
		if err != nil {
			continue // it has just ended
		}
		n, err := read(one)
		switch {
		case errors.Is(err, fs.ErrPermission):
			return nil
		case err != nil:
			continue
		case sum == nil:
			sum = new(int64)
		}
		*sum += n
	}
	return sum
}

// Unreadable says of which processes descriptors and PSS cannot be read, whose they are,
// and what helps. It is empty if all can be read.
func (p *Processes) Unreadable() string {
	var names []string
	owners := map[string]bool{}
	for _, process := range p.family.all {
		one, err := p.proc.Proc(process.PID)
		if err != nil {
			continue
		}
		if _, err := one.FileDescriptorsLen(); !errors.Is(err, fs.ErrPermission) {
			continue
		}
		names = append(names, process.String())
		owners[owner(one)] = true
	}
	if len(names) == 0 {
		return ""
	}
	const shown = 3
	if more := len(names) - shown; more > 0 {
		names = append(names[:shown], fmt.Sprintf("%d more", more))
	}
	as := "root"
	if len(owners) == 1 {
		for name := range owners {
			as = name
		}
	}
	return fmt.Sprintf("you may not read the descriptors of %s, nor how much of their memory is shared: run this as %s to have both measured", strings.Join(names, ", "), as)
}

// owner returns the name of a process's user, or else root, who may read all.
func owner(one procfs.Proc) string {
	status, err := one.NewStatus()
	if err != nil || int(status.UIDs[1]) == os.Geteuid() {
		return "root"
	}
	u, err := user.LookupId(strconv.FormatUint(status.UIDs[1], 10))
	if err != nil {
		return "root"
	}
	return u.Username
}

// system returns what the system says of all its processes. Those that end meanwhile may
// be left out.
func (p *Processes) system() ([]stat, error) {
	all, err := p.proc.AllProcs()
	if err != nil {
		return nil, fmt.Errorf("list the processes: %w", err)
	}
	system, names := make([]stat, 0, len(all)), map[started]string{}
	for _, one := range all {
		s, err := one.Stat()
		if err != nil {
			continue
		}
		at := stat{
			id: id{s.PID, s.Starttime}, parent: s.PPID, names: []string{s.Comm}, ended: s.State == "Z" || s.State == "X",
			own: cpu{ticks(s.UTime), ticks(s.STime)}, waited: cpu{ticks(s.CUTime), ticks(s.CSTime)}, rss: int64(s.ResidentMemory()),
		}
		if p.byName {
			key := started{at.id, s.Comm}
			name, known := p.started[key]
			if !known {
				name = startedAs(one)
			}
			names[key], at.names = name, append(at.names, name)
		}
		system = append(system, at)
	}
	p.started = names
	return system, nil
}

// startedAs returns the name by which a process was started. The name that ps shows is
// cut to 15 bytes, and some programs change it.
func startedAs(one procfs.Proc) string {
	args, err := one.CmdLine()
	if err != nil || len(args) == 0 {
		return ""
	}
	program, _, _ := strings.Cut(args[0], ": ") // as in "nginx: worker process"
	return filepath.Base(program)
}

// ticks converts the unit of /proc, which is a hundredth of a second on every machine.
func ticks[T uint | int](n T) time.Duration { return time.Duration(n) * 10 * time.Millisecond }
