package trace

// Stage is a place on the way of a reaction.
type Stage int

// The stages, in the order of the way.
const (
	Tap         Stage = iota // the client's timestamp, by its clock
	Accepted                 // the record's time, by the main server's clock
	Logged                   // the record could be read from emoji-topic
	WindowEnded              // the reaction's window has ended; no earlier than Logged
	Counted                  // a partial that holds it could be read from emoji-partials
	Aggregated               // a count that holds it could be read from emoji-aggregated
	Clustered                // the first swarm of a cluster_N that holds it could be read
	Subscribed               // the first swarm of a sub_N did
	Everywhere               // the last of them did
	stages
)

func (s Stage) String() string {
	return [...]string{
		"tapped", "accepted", "in the log", "window's end", "counted", "aggregated",
		"in a cluster", "at a subscriber", "at every subscriber",
	}[s]
}

// MarshalText writes a stage as reports do.
func (s Stage) MarshalText() ([]byte, error) {
	return []byte([...]string{
		"tap", "accepted", "in_log", "window_end", "counted", "aggregated",
		"cluster", "first_subscriber", "last_subscriber",
	}[s]), nil
}

// Journey is one reaction and when it was where.
type Journey struct {
	Partition int
	Offset    int64
	User      string
	Emoji     string
	Channel   string
	WindowEnd int64         // ms; 0: not known yet
	At        [stages]int64 // µs since the Unix epoch; 0: not there, or not known
	Stuck     bool          // it was given up where it is
}

// Stage is where the reaction has come to.
func (j *Journey) Stage() Stage {
	last := Accepted
	for s, at := range j.At {
		if at != 0 {
			last = Stage(s)
		}
	}
	return last
}

// Hop is the time to a stage from the one before it, µs; false where the reaction
// was not there.
func (j *Journey) Hop(to Stage) (us int64, ok bool) {
	if j.At[to] == 0 {
		return 0, false
	}
	for s := to - 1; s >= Tap; s-- {
		if j.At[s] != 0 {
			return j.At[to] - j.At[s], true
		}
	}
	return 0, false
}

// Since is when the way began, µs since the Unix epoch.
func (j *Journey) Since() int64 {
	if tapped := j.At[Tap]; tapped != 0 {
		return tapped
	}
	return j.At[Accepted]
}

// Total is the time that all hops take together, µs.
func (j *Journey) Total() int64 { return j.At[j.Stage()] - j.Since() }

// straighten makes the instants those of one way. What could be read at a stage was
// at the stages before it by then, though this reader, which reads each topic by
// itself, may have seen it there a little later.
func (j *Journey) straighten() {
	next := int64(0)
	for s := Everywhere; s >= Logged; s-- {
		switch {
		case j.At[s] == 0 || s == WindowEnded:
			continue
		case next != 0:
			j.At[s] = min(j.At[s], next)
		}
		next = j.At[s]
	}
	j.At[WindowEnded] = 0
	for s := Counted; s < stages && j.WindowEnd != 0; s++ {
		if j.At[s] != 0 {
			j.At[WindowEnded] = min(max(j.WindowEnd*1000, j.At[Logged]), j.At[s])
			break
		}
	}
}
