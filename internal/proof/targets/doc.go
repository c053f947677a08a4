// Package targets holds only tests: bench puts servers of others under load, as they are
// installed, slowly, fast, and with a pause that is longer than they let a connection
// rest. Whatever a server does with connections, nothing may be in doubt, lost or doubled.
// The servers' programs and settings stand under testdata, and the table of
// docs/bench.md is made from this.
//
// Package managers install the servers: make test-targets.
package targets
