package loadgen

import (
	"encoding/json"
	"time"

	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/loadgen/report"
)

// Showing says when a listener connects and when it is shown an event, from when the event
// is due or its window ends.
type Showing struct{ Connected, Shown time.Duration }

// Spreads returns the spread of one event, as a window and as an event of another service.
func Spreads(showings []Showing) (ofWindow, ofEvent *report.Histogram, err error) {
	m, err := newShownMarkers("", "run", 1)
	if err != nil {
		return nil, nil, err
	}
	s := newShownSwarms([]string{"c"}, nil, func(int64) {})
	end := time.Unix(1_000_000, 0)
	data, err := json.Marshal(wire.Swarm{Channel: "c", Window: wire.Window{Start: end.Add(-time.Second).UnixMilli(), End: end.UnixMilli()}, Total: 1})
	if err != nil {
		return nil, nil, err
	}
	e := &event{firstSeen: end, markers: []int64{0}}
	s.decode(e, "swarm", data)
	m.expect(0, end)
	for _, showing := range showings {
		for _, sink := range []eventSink{s, m} {
			v := &listenerView{}
			v.connected(end.Add(showing.Connected), end.Add(showing.Connected))
			sink.received(v, e, end.Add(showing.Shown))
		}
	}
	return s.spread(), m.spread(), nil
}
