package wire

import (
	"time"
)

// TimeFormat is the format of all times that are written: UTC, with milliseconds and Z.
const TimeFormat = "2006-01-02T15:04:05.000Z"

// AppendTime appends a time, given in ms since the Unix epoch.
func AppendTime(dst []byte, ms int64) []byte {
	return time.UnixMilli(ms).UTC().AppendFormat(dst, TimeFormat)
}

// Time is a moment in ms since the Unix epoch. Its text has TimeFormat.
type Time int64

func (t Time) String() string { return string(AppendTime(nil, int64(t))) }

// MarshalText returns the time in TimeFormat.
func (t Time) MarshalText() ([]byte, error) { return AppendTime(nil, int64(t)), nil }

// yearTenThousand is when the year 10000 begins, in ms. JSON has no text for times from
// then on.
const yearTenThousand int64 = 253_402_300_800_000

// IsTime says whether the time of a record, in ms, is one that a window can have. Kafka's
// -1 says that a producer set none. Microseconds in place of milliseconds are none either.
func IsTime(t int64) bool { return t > 0 && t < yearTenThousand }
