package loadgen

import (
	"os"
	"runtime"

	"github.com/emostream/emostream/internal/openfiles"
	"github.com/emostream/emostream/loadgen/report"
)

func environment(version string) report.Environment {
	host, _ := os.Hostname() // without a name the field stays empty
	return report.Environment{
		Version: version, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH,
		CPUs: runtime.GOMAXPROCS(0), Host: host, OpenFiles: openfiles.Limit(),
	}
}
