package main

import (
	"regexp"

	"github.com/emostream/emostream/internal/text/quote"
	"github.com/emostream/emostream/internal/wire"
)

// checkChannel refuses a value of flag that is not the name of a channel.
func checkChannel(flag, name string) error {
	if !wire.ValidChannel(name) {
		return usagef("%s %s: 1 to %d of A-Z a-z 0-9 . _ - are allowed", flag, quote.Text(name, 40), wire.MaxChannel)
	}
	return nil
}

var clusterName = regexp.MustCompile(`^cluster_[1-9][0-9]{0,3}$`)

// checkClusters refuses values of flag that are not names of clusters.
func checkClusters(flag string, names ...string) error {
	for _, name := range names {
		if !clusterName.MatchString(name) {
			return usagef("%s: %s is not a cluster's name: use cluster_1 to cluster_9999", flag, quote.Text(name, 40))
		}
	}
	return nil
}
