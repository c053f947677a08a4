package controls

import "github.com/emostream/emostream/internal/stream"

// Decode returns the control of a record.
func Decode(rec stream.Record) (Control, error) { return decode(rec) }
