package wire

import (
	"encoding/json"
	"fmt"
	"time"
)

// Window is the time from Start on and before End, both in milliseconds since the
// Unix epoch. In JSON they are RFC 3339.
type Window struct {
	Start, End int64
}

// MarshalJSON writes {"start","end"} in UTC with milliseconds.
func (w Window) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, 80), `{"start":"`...)
	b = AppendTime(b, w.Start)
	b = append(b, `","end":"`...)
	b = AppendTime(b, w.End)
	return append(b, `"}`...), nil
}

// UnmarshalJSON reads {"start","end"} with any offset and any precision down to
// milliseconds, as Spark writes them too.
func (w *Window) UnmarshalJSON(b []byte) error {
	var t struct{ Start, End time.Time }
	if err := json.Unmarshal(b, &t); err != nil {
		return fmt.Errorf("window: %w", err)
	}
	*w = Window{Start: t.Start.UnixMilli(), End: t.End.UnixMilli()}
	if w.End <= w.Start {
		return fmt.Errorf("window: its end is not after its start")
	}
	return nil
}
