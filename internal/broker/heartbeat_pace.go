package broker

import (
	"encoding/binary"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/time/rate"

	"github.com/emostream/emostream/internal/wire"
)

// heartbeatPace is how many records a second one connection may write to
// emostream-servers, and as many at once: a thousand servers, as many as an installation
// can have, send a heartbeat a second. Every stage reads that topic whole, so whoever
// writes to it without a pause would keep all of them busy.
const heartbeatPace = 1000

// paceHeartbeats returns how long a connection must wait before its request is handed to
// kfake, as Kafka makes clients wait that are over their quota. pace is the connection's
// own.
func paceHeartbeats(pace *rate.Limiter, req kmsg.Request, now time.Time) time.Duration {
	produce, ok := req.(*kmsg.ProduceRequest)
	if !ok {
		return 0
	}
	records := 0
	for _, t := range produce.Topics {
		if !strings.HasSuffix(t.Topic, wire.Topics{}.Servers()) { // there may be a prefix
			continue
		}
		for _, p := range t.Partitions {
			records += recordsIn(p.Records)
		}
	}
	if records == 0 {
		return 0
	}
	return pace.ReserveN(now, min(records, heartbeatPace)).DelayFrom(now)
}

// recordsIn returns how many records a batch says that it has. A number below one counts
// as one: kfake refuses such a batch.
func recordsIn(batch []byte) int {
	const at, size = 57, 4
	if len(batch) < at+size {
		return 1
	}
	return max(1, int(int32(binary.BigEndian.Uint32(batch[at:])))) //nolint:gosec // a count is a signed number there
}
