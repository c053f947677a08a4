// Package simulation proves the promise of the counting by running whole
// histories of failures: every reaction in the log is counted once, and swarms
// show what was counted, whichever process is killed, paused or doubled, and
// whenever.
//
// A history follows from one seed. It runs the production code, Combine, Reduce,
// Main and Cluster as they are, on a model of a partitioned log in memory and in a
// time of its own (testing/synctest), so that minutes pass in milliseconds.
// Whatever a process asks of the log becomes a request with one or more steps: a
// fetch is answered, and the answer arrives; a write is appended in one piece or
// several, and acknowledged; a commit is stored, and acknowledged. One step is
// taken at a time, and the adversary chooses which by the seed's random numbers.
// Between any two steps it may
//
//   - kill or pause a process, or take it for dead and let it go on beside its
//     successor,
//   - lose or repeat a write, delay an answer, or answer with less than there is,
//   - leave partitions without reactions, set the clocks of writers apart, and
//     remove old records.
//
// Then it stops, and everything that was promised must come true.
//
// A test that fails says how its seed is run again. The mutants are the other half
// of the proof: each breaks one rule of the design in the production code, and the
// histories must notice.
package simulation
