package main

import (
	"fmt"
	"testing"

	"github.com/emostream/emostream/internal/broker"
	"github.com/emostream/emostream/server/fanout"
)

func TestErrorsAreToldWithTheirFlags(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{
			fmt.Errorf("subscribe: %w", &fanout.NameTakenError{Name: "sub1", URL: "http://other"}),
			"subscribe: the name sub1 belongs to a server that is alive at http://other: stop that one, choose another with --name of subscribe, or run an installation of its own with --topic-prefix and --group-prefix",
		},
		{
			&broker.NoHostError{Listen: ":9092"},
			`broker address ":9092" has no host that clients could connect to: give --advertise host:port`,
		},
		{
			&broker.LockedError{Dir: "log"},
			"log: data folder is in use by another emostream: stop that one, or give another --data-dir",
		},
		{
			&broker.FormatError{Dir: "log", Format: "2"},
			`log has format "2" and this emostream reads up to 1: use the newer emostream, or give another --data-dir`,
		},
	} {
		if got := advised(test.err); got.Error() != test.want {
			t.Errorf("error:\n got %s\nwant %s", got, test.want)
		}
	}
}
