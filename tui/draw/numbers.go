package draw

import (
	"math"
	"strconv"
	"time"
)

// Thousands writes a count with commas.
func Thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// Short writes a count in at most six columns.
func Short(n int64) string {
	for _, unit := range []string{"", "k", "M", "G", "T"} {
		if n < 100_000 {
			return Thousands(n) + unit
		}
		n /= 1000
	}
	return Thousands(n) + "P"
}

// Rate writes a number a second.
func Rate(v float64) string {
	if v > 0 && v < 10 && v != math.Trunc(v) {
		return strconv.FormatFloat(v, 'f', 1, 64) + "/s"
	}
	return Thousands(int64(math.Round(v))) + "/s"
}

// Millis writes milliseconds in the unit that suits them.
func Millis(ms float64) string {
	switch {
	case ms <= 0:
		return "-"
	case ms < 0.9995:
		return strconv.FormatFloat(ms*1000, 'f', 0, 64) + " µs"
	case ms < 9.995:
		return strconv.FormatFloat(ms, 'f', 2, 64) + " ms"
	case ms < 99.95:
		return strconv.FormatFloat(ms, 'f', 1, 64) + " ms"
	case ms < 999.5:
		return strconv.FormatFloat(ms, 'f', 0, 64) + " ms"
	}
	return strconv.FormatFloat(ms/1000, 'f', 2, 64) + " s"
}

// Seconds writes a duration without fractions of a second.
func Seconds(d time.Duration) string { return d.Truncate(time.Second).String() }
