package wire

import (
	"time"
)

// TimeFormat is how times are written everywhere: UTC, milliseconds, Z.
const TimeFormat = "2006-01-02T15:04:05.000Z"

// AppendTime appends the time of ms milliseconds since the Unix epoch.
func AppendTime(dst []byte, ms int64) []byte {
	return time.UnixMilli(ms).UTC().AppendFormat(dst, TimeFormat)
}

// Time is a moment in milliseconds since the Unix epoch; as text it has TimeFormat.
type Time int64

func (t Time) String() string { return string(AppendTime(nil, int64(t))) }

// MarshalText writes RFC 3339 in UTC with milliseconds.
func (t Time) MarshalText() ([]byte, error) { return AppendTime(nil, int64(t)), nil }
