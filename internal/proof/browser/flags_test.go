package browser_test

import "flag"

// The flags of this package's tests. A test that needs a flag is skipped without it.
var (
	duration = flag.Duration("duration", 0, "how long TestPageCost and TestMemory measure")
	memory   = flag.Bool("memory", false, "TestMemory: whether a page and an overlay that are open for long hold more and more memory")
	pictures = flag.String("pictures", "", "a folder for the pictures that TestPictures takes for docs")
)
