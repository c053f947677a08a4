package doctor

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/broker"
)

// Clock says whether this machine's clock agrees with the brokers'. ahead is by how
// much it is ahead of theirs, most by how much it may differ.
func Clock(ahead, most time.Duration) []Finding {
	l := findings{area: areaClock}
	where := "ahead of"
	if ahead < 0 {
		where = "behind"
	}
	found := fmt.Sprintf("%s %s the brokers'", about(ahead), where)
	if ahead.Abs() > most {
		l.wrong("clock", found, fmt.Sprintf("it decides which window a reaction is counted in; beyond %v serve is not ready", most),
			"set the clock (timedatectl, chronyc makestep)")
	} else {
		l.ok("clock", "%s", found)
	}
	return l.all
}

// spareFiles is how many files a subscriber server needs beside its listeners.
const spareFiles = 200

// Files says whether a process may have as many connections open as it should have
// clients. limit is the number of files that it may have open; 0: not known.
func Files(limit int64, clients int) []Finding {
	l := findings{area: areaFiles}
	need := int64(clients) + spareFiles
	switch {
	case limit == 0:
		l.skip("open files", "this system does not tell a limit")
	case limit < need:
		l.wrong("open files", fmt.Sprintf("a process may have %d, and %d clients need %d", limit, clients, need),
			"clients beyond that are refused", fmt.Sprintf("ulimit -n %d (LimitNOFILE= in systemd), or fewer: --capacity, and --clients here", need))
	default:
		l.ok("open files", "%d, enough for %d clients", limit, clients)
	}
	return l.all
}

// Data is what was found about the folder of the embedded broker's log.
type Data struct {
	Dir string
	broker.Folder
	Wanted bool  // the caller named the folder
	Free   int64 // free bytes of its disk; negative: not known
	// Brokers are the addresses of the examined brokers at which a process listens.
	Brokers []string
}

// Bounds for the space on the data folder's disk, in bytes.
const (
	logBound  = 1 << 30   // the default greatest size of the log
	leastFree = 128 << 20 // with less free than this the disk is full soon
)

// Folder says whether the embedded broker can keep its log in its data folder.
func Folder(d Data) []Finding {
	l := findings{area: areaData}
	other := "give another one with --data-dir"
	switch room := d.Free + d.Size; {
	case d.Err != nil:
		says := d.Err.Error()
		if _, ok := errors.AsType[*broker.FormatError](d.Err); ok {
			says += ": use the newer emostream, or give another --data-dir"
		}
		l.wrong("data folder", says, "up and broker cannot keep their log there", "mend it, or "+other)
	case d.Locked && d.Owner != "" && !slices.ContainsFunc(d.Brokers, func(b string) bool { return same(b, d.Owner) }):
		say := l.wrong
		if len(d.Brokers) > 0 && !d.Wanted {
			say = l.note // the broker looked at has its log elsewhere
		}
		say("data folder", fmt.Sprintf("%s is in use by the emostream that serves %s", d.Dir, d.Owner),
			"up and broker cannot use it, and the log in it is not the one looked at here", fmt.Sprintf("look at that one (--brokers %s), stop it, or %s", d.Owner, other))
	case d.Locked && len(d.Brokers) == 0:
		l.wrong("data folder", d.Dir+" is in use by another process", "up and broker cannot use it", "stop that one, or "+other)
	case d.Free >= 0 && d.Free < leastFree:
		l.wrong("data folder", fmt.Sprintf("%s: %s are free", d.Dir, bytes(d.Free)), "the log cannot be written soon", "make room, or "+other)
	case d.Free >= 0 && room < logBound:
		l.note("data folder", fmt.Sprintf("%s: %s are free", d.Dir, bytes(d.Free)), "the log grows to "+bytes(logBound),
			"make room, or let it be smaller: --retention-bytes")
	case d.Locked:
		l.ok("data folder", "%s: %s of log, in use by this broker", d.Dir, bytes(d.Size))
	case d.Exists:
		l.ok("data folder", "%s: %s of log, %s", d.Dir, bytes(d.Size), free(d.Free))
	default:
		l.ok("data folder", "%s: it will be made; %s", d.Dir, free(d.Free))
	}
	return l.all
}

// same says whether two addresses are the same: as text, or because both are loopback
// addresses with the same port.
func same(a, b string) bool {
	if a == b {
		return true
	}
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	return errA == nil && errB == nil && portA == portB && onlyHere(hostA) && onlyHere(hostB)
}

func free(n int64) string {
	if n < 0 {
		return "writable"
	}
	return bytes(n) + " free"
}

// bytes returns a size in a unit that is easy to read.
func bytes(n int64) string {
	switch {
	case n < 1<<20:
		return fmt.Sprintf("%d KiB", n>>10)
	case n < 10<<30:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d GiB", n>>30)
}

// Screen says what the terminal can do.
type Screen struct {
	Terminal      bool   // the output goes to a terminal
	Name          string // TERM
	Colours       string // "no", "16", "256", "16 million"
	UTF8          bool
	Width, Height int
}

// The least size of a terminal for programs that fill the screen.
const (
	leastWidth  = 40
	leastHeight = 12
)

// Terminal says whether programs that fill the screen can be shown well.
func Terminal(s Screen) []Finding {
	l := findings{area: areaTerminal}
	if !s.Terminal {
		l.ok("terminal", "this is none: commands write plain lines")
		return l.all
	}
	const tui = "tui and the live views are hard to read"
	switch {
	case s.Name == "" || s.Name == "dumb":
		l.note("terminal", fmt.Sprintf("TERM is %q", s.Name), "it cannot be drawn on", "use another terminal, or emostream watch")
	case s.Width < leastWidth || s.Height < leastHeight:
		l.note("terminal", fmt.Sprintf("%dx%d is smaller than %dx%d", s.Width, s.Height, leastWidth, leastHeight), tui, "make the window larger")
	case !s.UTF8:
		l.note("terminal", "its locale is not UTF-8", "emojis cannot be shown", "export LANG=C.UTF-8, or give --ascii")
	default:
		l.ok("terminal", "%s", strings.Join([]string{s.Name, fmt.Sprintf("%dx%d", s.Width, s.Height), "UTF-8", s.Colours + " colours"}, ", "))
	}
	return l.all
}

// Setting is a problem with a setting.
type Setting struct {
	Found string
	// Harmless says that the setting is only ignored.
	Harmless bool
}

// Settings reports problems of the settings file and the environment. file is the
// settings file that is read; empty: there is none.
func Settings(file string, problems []Setting) []Finding {
	l := findings{area: areaSettings}
	for _, p := range problems {
		if p.Harmless {
			l.note("environment", p.Found, "it is not obeyed", "correct the name, or unset it")
		} else {
			l.wrong("settings", p.Found, "no command that reads it starts", "correct it; emostream config view tells the rest")
		}
	}
	if !slices.ContainsFunc(problems, func(p Setting) bool { return !p.Harmless }) {
		if file == "" {
			file = "no settings file"
		}
		l.ok("settings", "%s", file)
	}
	return l.all
}
