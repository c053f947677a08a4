package report

// The keys of Report.Latency.
const (
	SendDelay  = "send_delay"  // from when a request was due to when it was sent: what the generator adds
	Ack        = "ack"         // from when it was due to its answer
	WindowWait = "window_wait" // from acceptance to the end of its window: nothing can be faster
	Overhead   = "overhead"    // from a window's end to a listener: what the pipeline adds
	EndToEnd   = "e2e"         // from when a request was due to the listener that shows it
	Connect    = "sse_connect" // of a listener
	FirstEvent = "first_event" // from a listener's request to its first event
)

// latencyNames returns the latencies in the order in which a reaction meets them.
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
