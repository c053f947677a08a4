package tui

import (
	"log/slog"
	"time"

	"github.com/emostream/emostream/internal/wire"
)

// Pipeline is a running pipeline at one moment: all that a Dashboard shows. Whoever
// has the pipeline fills it in.
type PipelineSnapshot struct {
	Version  string
	Uptime   time.Duration
	Stages   []Stage       // in the data's order
	Servers  []Server      // by the number in their names
	Window   wire.Swarm    // the newest one of the channel that is shown; zero: there was none
	Totals   []float64     // of its windows, that one's last
	Channels int           // others that are active
	Delay    time.Duration // from a window's end to the subscriber servers; 0: unknown
	Facts    []Fact        // addresses, the broker, the log
	Log      []LogLine     // the newest lines, the oldest first
	Logged   int           // lines so far, also those that are gone
}

// State is how a stage is.
type State string

// States of a stage.
const (
	Starting State = "starting"
	Running  State = "running"
	NotReady State = "not ready"
	Stopping State = "stopping"
	Stopped  State = "stopped"
	Failed   State = "failed"
)

// Stage is a stage of the pipeline.
type Stage struct {
	Name   string
	State  State
	Rate   float64 // of what it does, a second; -1: nothing is counted
	Lag    int64   // records that it has not read yet; -1: it reads none
	Detail string  // what it has done so far, in words
}

// Server is a subscriber server as it was last heard of.
type Server struct {
	Name, Cluster     string
	State             string // empty: it was never heard of
	Clients, Capacity int
	Rate              float64       // updates delivered a second
	Silent            time.Duration // since it was last heard of, when that is too long ago
}

// Fact is a name and what it stands for, such as an address.
type Fact struct{ Name, Value string }

// LogLine is a line of the log.
type LogLine struct {
	Time  string
	Level slog.Level
	Text  string
}
