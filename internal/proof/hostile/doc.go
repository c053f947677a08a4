// Package hostile attacks a running installation as one stranger would, and says what
// becomes of everybody else.
//
// Each attack runs in a process of its own, from one address, with as many open files as
// a host usually has. Meanwhile 200 people tap and 200 listen, each from an address of
// their own. They come before the attack, and stay until it is over. So what the attack
// does to them is seen beside what they had without it, in the same run:
//
//   - how many of their taps were accepted, and how many of their joins;
//   - how many windows they were shown in time;
//   - how long taps took, as a multiple of before;
//   - how much memory the largest process used;
//   - how long after the attack everything was as before.
//
// In the end the log is compared with the counts, as consume --verify does.
//
// Addresses come from a network namespace of this process alone, whose loopback device
// has a whole network besides its own (network_linux.go). Where none can be made, clients
// are told apart by X-Forwarded-For, and the result says so.
package hostile
