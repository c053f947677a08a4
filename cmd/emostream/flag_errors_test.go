package main

import (
	"fmt"
	"testing"

	"github.com/emostream/emostream/server/fanout"
)

func TestTakenNameIsToldWithItsFlag(t *testing.T) {
	err := advised(fmt.Errorf("subscribe: %w", &fanout.NameTakenError{Name: "sub1", URL: "http://other"}))
	const want = "subscribe: the name sub1 belongs to a server that is alive at http://other: stop that one, or choose another with --name"
	if err.Error() != want {
		t.Errorf("error:\n got %s\nwant %s", err, want)
	}
}
