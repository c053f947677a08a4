// Package loadgen puts load on a reaction stream and measures the results. It sends by
// an absolute schedule: if the server stalls, requests stay due at their times, and the
// stall shows in the latencies. It listens as an audience does. It balances what was
// acknowledged against what its listeners were shown.
package loadgen
