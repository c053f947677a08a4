package loadgen

import (
	"os"
	"runtime"

	"github.com/emostream/emostream/internal/openfiles"
)

func environment(version string) Environment {
	host, _ := os.Hostname() // it may have none
	return Environment{
		Version: version, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH,
		CPUs: runtime.GOMAXPROCS(0), Host: host, OpenFiles: openfiles.Limit(),
	}
}
