package report

// latencies are the names of latencies in the order in which a reaction meets
// them, and how people are told of them.
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

// named is a key of a report and its name in words.
type latencyName struct{ key, words string }
