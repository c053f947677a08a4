// Package loadgen puts a reaction stream under load and tells the truth about
// it. It sends by an absolute schedule, so that a server that stalls cannot hide
// it; listens as an audience does; and balances the books: what was acknowledged
// against what was shown.
package loadgen
