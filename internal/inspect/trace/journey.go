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
	Clustered                // the first swarm of a cluster_N that holds the reaction could be read
	Subscribed               // the first swarm of a sub_N that holds it could be read
	Everywhere               // swarms that hold it could be read from all sub_N
	stages
)

func (s Stage) String() string {
	return [...]string{
		"tapped", "accepted", "in the log", "window's end", "counted", "aggregated",
		"in a cluster", "at a subscriber", "at every subscriber",
	}[s]
}

// MarshalText returns the name of a stage in reports.
func (s Stage) MarshalText() ([]byte, error) {
	return []byte([...]string{
		"tap", "accepted", "in_log", "window_end", "counted", "aggregated",
		"cluster", "first_subscriber", "last_subscriber",
	}[s]), nil
}

// Journey is one reaction, and when it was at each stage.
type Journey struct {
	Partition int
	Offset    int64
	User      string
	Emoji     string
	Channel   string
	WindowEnd int64         // ms; 0: not known yet
	At        [stages]int64 // µs since the Unix epoch; 0: it was not there, or that is not known
	Stuck     bool          // it was given up at the stage where it is
}

// Stage returns the last stage that the reaction has reached.
func (j *Journey) Stage() Stage {
	last := Accepted
	for s, at := range j.At {
		if at != 0 {
			last = Stage(s)
		}
	}
	return last
}

// Hop returns the time from the last stage before to that is known, to to, in µs. It
// returns false if the reaction was not at to.
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

// Since returns when the way began, in µs since the Unix epoch: at the tap if that is
// known, else when the reaction was accepted.
func (j *Journey) Since() int64 {
	if tapped := j.At[Tap]; tapped != 0 {
		return tapped
	}
	return j.At[Accepted]
}

// Total returns the time that all hops took together, in µs.
func (j *Journey) Total() int64 { return j.At[j.Stage()] - j.Since() }

// straighten puts the times of the stages in order. Each topic is read by itself, so a
// record may be read a little later than the record of a later stage that was made of
// it. The reaction was at the earlier stage by then, so that gets the later stage's
// time.
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
