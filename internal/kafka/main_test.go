package kafka_test

import (
	"testing"

	"github.com/emostream/emostream/internal/proof/parallel"
)

func TestMain(m *testing.M) {
	parallel.AtLeast(6) // the tests mostly wait for brokers that do not answer
	m.Run()
}
