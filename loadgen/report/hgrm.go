package report

import (
	"io"
	"maps"
	"slices"

	"github.com/emostream/emostream/internal/atomicfile"
)

// writeHGRMs writes one file for each latency. Its name is stem, a dot and the
// latency's key.
func writeHGRMs(stem string, r Report) error {
	for _, key := range slices.Sorted(maps.Keys(r.Latency)) {
		if l := r.Latency[key]; l != nil {
			err := atomicfile.Write(stem+"."+key+endHGRM, func(w io.Writer) error { return WriteHGRM(w, l) })
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// WriteHGRM writes a latency as HdrHistogram's percentile text, in milliseconds.
func WriteHGRM(w io.Writer, l *Latency) error {
	h, err := l.Decode()
	if err != nil {
		return err
	}
	const ticks = 5 // number of lines for each half of the remaining distance to 100 %
	_, err = h.HDR().PercentilesPrint(w, ticks, 1000)
	return err
}
