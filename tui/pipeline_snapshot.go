package tui

import (
	"log/slog"
	"time"

	"github.com/emostream/emostream/internal/wire"
)

// PipelineSnapshot is the state of a running pipeline at one moment. A Dashboard shows
// it.
type PipelineSnapshot struct {
	Version  string
	Uptime   time.Duration
	Stages   []Stage       // in the order in which reactions pass through them
	Servers  []Server      // in the order of their numbers
	Window   wire.Swarm    // the newest window of the channel shown; zero if there was none
	Totals   []float64     // totals of the channel's windows, up to and including that one
	Channels int           // how many other channels are active
	Delay    time.Duration // from a window's end until the subscriber servers have it; 0 if unknown
	Facts    []Fact        // addresses, the broker, the log
	Log      []LogLine     // the newest lines, the oldest first
	Logged   int           // how many lines there were, including those no longer in Log
}

// State is the state of a stage.
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
	Rate   float64 // records a second; -1 if they are not counted
	Lag    int64   // records that it has not read yet; -1 if it reads no records
	Detail string  // what it has done so far, in words
}

// Server is a subscriber server, by its last heartbeat.
type Server struct {
	Name, Cluster     string
	State             string // empty if there was no heartbeat
	Clients, Capacity int
	Rate              float64       // updates delivered a second
	Silent            time.Duration // time since its last heartbeat, if that is too long; else 0
}

// Fact is a name with its value, such as an address.
type Fact struct{ Name, Value string }

// LogLine is a line of the log.
type LogLine struct {
	Time  string
	Level slog.Level
	Text  string
}
