// Package simulation proves the promise of the counting by running whole histories of
// failures. Whichever process is killed, paused or doubled, and whenever that happens,
// every reaction in the log is counted once, and swarms show what was counted.
//
// A history follows from one seed. It runs the production code (Combine, Reduce, Main
// and Cluster) on a model of a partitioned log in memory. Its time is virtual
// (testing/synctest), so that minutes pass in milliseconds. Whatever a process asks of
// the log becomes a request of one or more steps. A fetch is answered, and then the
// answer arrives. A write is appended in one or more pieces, and then acknowledged. A
// commit is stored, and then acknowledged. One step is taken at a time, and the
// adversary chooses which, by random numbers that follow from the seed. Between any two
// steps it may
//
//   - kill or pause a process, or let the group take it for dead while it goes on beside
//     its successor,
//   - lose or repeat a write, delay an answer, or answer with fewer records than there are,
//   - leave partitions without reactions, set the clocks of main servers apart, remove old
//     records, reset the consumer groups of reducers and publishers,
//   - set times that are far ahead, and reset watermarks, perhaps only half.
//
// Then the adversary stops, and what was promised must come true.
//
// In the histories of TestRetentionHistories it also removes records at any moment, those that
// nobody has read, too. Then everything must be counted right nevertheless, or a stage
// must stop and say what is gone.
//
// A test that fails says how to run its seed again. The mutants are the other half of
// the proof: each breaks one rule of the design in the production code, and the
// histories must notice.
package simulation
