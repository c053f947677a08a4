package fanbench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// usage is what processes have used and hold, added up.
type usage struct {
	cpu time.Duration // of user and system
	pss int64         // bytes: what they share counts once
}

// measure adds up what processes use.
func measure(pids []int) (usage, error) {
	var sum usage
	for _, pid := range pids {
		cpu, err := cpuTime(pid)
		if err != nil {
			return usage{}, err
		}
		pss, err := proportional(pid)
		if err != nil {
			return usage{}, err
		}
		sum.cpu += cpu
		sum.pss += pss
	}
	return sum, nil
}

// cpuTime is utime + stime. The kernel counts both in hundredths of a second here,
// whatever its own clock.
func cpuTime(pid int) (time.Duration, error) {
	path := fmt.Sprintf("/proc/%d/stat", pid)
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	// The name, in parentheses, may hold anything.
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("%s: %.80q", path, b)
	}
	ticks := int64(0)
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", path, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

// proportional is the process's share of the memory that it maps.
func proportional(pid int) (int64, error) {
	path := fmt.Sprintf("/proc/%d/smaps_rollup", pid)
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("%s: %w", path, err)
			}
			return kb << 10, nil
		}
	}
	return 0, fmt.Errorf("%s says nothing of Pss", path)
}

// family is a process and its children.
func family(pid int) ([]int, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return nil, err
	}
	pids := []int{pid}
	for f := range strings.FieldsSeq(string(b)) {
		n, err := strconv.Atoi(f)
		if err != nil {
			return nil, fmt.Errorf("children of %d: %w", pid, err)
		}
		pids = append(pids, n)
	}
	return pids, nil
}
