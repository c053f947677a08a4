// Package simulation proves the promise of the counting by running whole
// histories of failures: what is in the log is counted once, and shown so,
// whatever is killed, paused or doubled, and whenever.
//
// A history is one seed. It runs the production code of combiner, reducer and
// publisher, Combine, Reduce, Main and Cluster as they are, on a model of a
// partitioned log in memory and in a time of its own (testing/synctest), so that
// minutes pass in milliseconds. Whatever a process asks of the log becomes a
// request with one or more steps: a fetch is answered, and the answer arrives; a
// write is appended in one piece or several, and acknowledged; a commit is
// stored, and acknowledged. Only one thing happens at a time, and the adversary
// chooses which by the seed's random numbers: it kills between any two steps,
// pauses, takes the living for dead and lets them go on beside their successors,
// loses and repeats what was written, answers late and with less than there is,
// lets partitions fall silent and the clocks of those who write run apart, and
// removes old records. Then it stops, and everything that was promised must
// come true.
//
// The tests say how a seed that failed is run again. The mutants are the other
// half of the proof: each breaks one rule of the design in the production code,
// and the histories must notice.
package simulation
