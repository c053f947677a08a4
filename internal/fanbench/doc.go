// Package fanbench measures how a subscriber server sends windows to thousands
// of listeners, beside nchan, nginx's own push module, in one run on one machine.
//
// Everything is real: processes of the program on a broker, an nginx, and a crowd
// in a process of its own. The crowd is the same for both. It is one loop over
// epoll, since thousands of goroutines would take the cores from what is measured,
// and it behaves as browsers do: it comes back after the time that the server told
// it, with the last id that it saw. Each event says when it was published and which
// it is in the row, so that the crowd knows of each delivery how long it took, and
// of each listener what it missed.
//
// Absolute figures belong to the machine, and the crowd shares its cores. What
// counts is how the two compare, which is why rounds of one and of the other
// alternate. It runs on Linux alone, where /proc tells what processes use.
package fanbench
