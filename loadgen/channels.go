package loadgen

import (
	"crypto/rand"
	"fmt"
	"strings"
)

// MaxChannels is the greatest number of channels of a run: what a server has active at
// once by default.
const MaxChannels = 1000

// newChannels returns the names of n channels that nobody else uses.
func newChannels(n int) []string {
	name := "bench-" + strings.ToLower(rand.Text()[:16])
	if n == 1 {
		return []string{name}
	}
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("%s-%d", name, i+1))
	}
	return all
}

// channelsInWords returns the names of a run's channels in one text, as in bench-x-1..9.
func channelsInWords(channels []string) string {
	switch n := len(channels); n {
	case 0: // another service
		return ""
	case 1:
		return channels[0]
	default:
		return fmt.Sprintf("%s..%d", channels[0], n)
	}
}
