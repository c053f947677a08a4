package text

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Thousands returns a number with commas, as in "1,234,567".
func Thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// Decimals returns a value with commas and with places decimals. A value that does not
// fit an int64 gets four digits and an exponent.
func Decimals(v float64, places int) string {
	digits := strconv.FormatFloat(v, 'f', places, 64)
	whole, fraction, _ := strings.Cut(digits, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return strconv.FormatFloat(v, 'g', 4, 64)
	}
	whole = strings.TrimPrefix(Thousands(n), "-")
	if strings.HasPrefix(digits, "-") { // for example -0.1, whose whole part is 0
		whole = "-" + whole
	}
	if places == 0 {
		return whole
	}
	return whole + "." + fraction
}

// Plural returns a number of things, as in "1 record" and "2,000 records".
func Plural(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return Thousands(n) + " " + thing + "s"
}

// Short returns a number in at most six columns, as in "12,345" and "1,234k".
func Short(n int64) string {
	for _, unit := range []string{"", "k", "M", "G", "T"} {
		if n < 100_000 {
			return Thousands(n) + unit
		}
		n /= 1000
	}
	return Thousands(n) + "P"
}

// Rate returns a number per second, as in "0.5/s" and "1,000/s".
func Rate(v float64) string {
	if v > 0 && v < 10 && v != math.Trunc(v) {
		return strconv.FormatFloat(v, 'f', 1, 64) + "/s"
	}
	return Thousands(int64(math.Round(v))) + "/s"
}

// Millis returns a time with three digits, in microseconds, milliseconds or seconds. If
// ms is not above 0, it returns "-".
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

// Seconds returns a duration without fractions of a second.
func Seconds(d time.Duration) string { return d.Truncate(time.Second).String() }
