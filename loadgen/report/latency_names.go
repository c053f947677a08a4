package report

// The keys of Report.Latency.
const (
	SendDelay  = "send_delay"  // from when a request was due to when it was sent; the generator causes this delay
	Ack        = "ack"         // from when a request was due to its answer
	WindowWait = "window_wait" // from acceptance to the end of the window; nothing can be faster
	Overhead   = "overhead"    // from a window's end to when a listener gets it; the pipeline causes this delay
	EndToEnd   = "e2e"         // from when a request was due to when a listener was shown it
	Connect    = "sse_connect" // from a listener's request to the server's answer
	FirstEvent = "first_event" // from a listener's request to its first event
)

// latencyNames returns the latencies in the order in which they occur on a reaction's
// way.
func latencyNames() []latencyName {
	return []latencyName{
		{SendDelay, "send delay"},
		{Ack, "ack"},
		{WindowWait, "window wait"},
		{Overhead, "overhead"},
		{EndToEnd, "end to end"},
		{Connect, "SSE connect"},
		{FirstEvent, "first event"},
	}
}

// latencyName is the key of a latency in a report, and its name in words.
type latencyName struct{ key, words string }
