package loadgen_test

import (
	"testing"

	"github.com/emostream/emostream/internal/proof/parallel"
)

func TestMain(m *testing.M) {
	parallel.AtLeast(6) // load tests wait for when they are due
	m.Run()
}
