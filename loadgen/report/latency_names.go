package report

import "slices"

// The keys of Report.Latency.
const (
	SendDelay   = "send_delay"   // from when a request was due to when it was sent; the generator causes this delay
	Ack         = "ack"          // from when a request was due to its answer, or until none was expected any more
	AckAccepted = "ack_accepted" // of Ack: at least one reaction was accepted
	AckRefused  = "ack_refused"  // of Ack: an answer came that accepted nothing; it may leave in doubt what became of the reactions
	AckFailed   = "ack_failed"   // of Ack: no answer came, also because the request was given up unsent; mostly at least the timeout
	WindowWait  = "window_wait"  // from acceptance to the end of the window; nothing can be faster
	Overhead    = "overhead"     // from a window's end to when a listener gets it; the pipeline causes this delay
	EndToEnd    = "e2e"          // from when a request was due to when a listener was shown it
	Spread      = "spread"       // of each event: from the first listener that was shown it to the last
	Connect     = "sse_connect"  // from a listener's request to the server's answer
	FirstEvent  = "first_event"  // from a listener's request to its first event
)

// latencyNames returns the latencies in the order in which they occur on a reaction's
// way.
func latencyNames() []latencyName {
	return []latencyName{
		{SendDelay, "send delay"},
		{Ack, "ack"},
		{AckAccepted, "ack: accepted"},
		{AckRefused, "ack: refused"},
		{AckFailed, "ack: no answer"},
		{WindowWait, "window wait"},
		{Overhead, "overhead"},
		{EndToEnd, "end to end"},
		{Spread, "spread"},
		{Connect, "SSE connect"},
		{FirstEvent, "first event"},
	}
}

// latencyName is the key of a latency in a report, and its name in words.
type latencyName struct{ key, words string }

// shownLatencies returns the latencies that a table shows. If all requests were
// accepted, their latency stands there once.
func shownLatencies(r Report) []latencyName {
	names := latencyNames()
	all, accepted := r.Latency[Ack], r.Latency[AckAccepted]
	if all != nil && accepted != nil && all.Count == accepted.Count {
		names = slices.DeleteFunc(names, func(n latencyName) bool { return n.key == AckAccepted })
	}
	return names
}

// LatencyKeys returns the keys of Report.Latency, in the order in which latencies occur on
// a reaction's way.
func LatencyKeys() []string {
	var keys []string
	for _, l := range latencyNames() {
		keys = append(keys, l.key)
	}
	return keys
}
