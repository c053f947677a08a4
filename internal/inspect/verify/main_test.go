package verify_test

import (
	"testing"

	"github.com/emostream/emostream/internal/proof/parallel"
)

func TestMain(m *testing.M) {
	parallel.AtLeast(4) // traffic goes on for seconds
	m.Run()
}
