// Package parallel is for tests that run side by side: more of them at once, on ports that no other takes.
package parallel

import (
	"flag"
	"runtime"
	"strconv"
)

// AtLeast lets n tests that call t.Parallel run at once, unless the flag -parallel says how many. go test runs as many as there
// are processors, which leaves these idle while tests wait for processes, time-outs and sockets. It is called by TestMain,
// before the tests run.
func AtLeast(n int) {
	const name = "test.parallel"
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	if given {
		return
	}
	if err := flag.Set(name, strconv.Itoa(max(n, runtime.GOMAXPROCS(0)))); err != nil {
		panic(err) // only a test has this flag
	}
}
