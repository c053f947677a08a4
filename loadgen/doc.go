// Package loadgen puts a reaction stream under load and measures what comes of it. It
// sends by an absolute schedule, so that a server that stalls cannot hide it. It listens
// as an audience does. And it balances what was acknowledged against what its listeners
// were shown.
package loadgen
