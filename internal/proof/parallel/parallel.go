// Package parallel helps tests to run side by side: it sets how many run at once, and gives each test ports of its own.
package parallel

import (
	"flag"
	"runtime"
	"strconv"
)

// AtLeast lets at least n tests that call t.Parallel run at once, unless the flag -parallel is given. By default go
// test runs as many as there are processors, which are idle while tests wait for processes, time-outs and sockets.
// TestMain calls it before the tests run.
func AtLeast(n int) {
	const name = "test.parallel"
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	if given {
		return
	}
	if err := flag.Set(name, strconv.Itoa(max(n, runtime.GOMAXPROCS(0)))); err != nil {
		panic(err) // cannot fail in a test program, which has this flag
	}
}
