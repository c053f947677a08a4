package fanout_test

import (
	"testing"

	"github.com/emostream/emostream/internal/proof/parallel"
)

func TestMain(m *testing.M) {
	parallel.AtLeast(4) // they wait for listeners that do not read
	m.Run()
}
