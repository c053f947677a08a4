package report

import (
	"math"
	"time"

	"github.com/emostream/emostream/internal/text"
)

// width is the greatest number of columns of a text report.
const width = 80

// short formats a number with three significant digits, or with all digits before the
// decimal point.
func short(v float64) string {
	switch a := math.Abs(v); {
	case a >= 100 || a == math.Trunc(a):
		return text.Decimals(v, 0)
	case a >= 10:
		return text.Decimals(v, 1)
	case a >= 0.995:
		return text.Decimals(v, 2)
	}
	return text.Decimals(v, 3)
}

// count formats a count that may be unknown.
func count(n *int64) string {
	if n == nil {
		return "not available"
	}
	return text.Thousands(*n)
}

// amount formats a number of bytes.
func amount(n int64) string {
	v, units := float64(n), []string{"B", "KB", "MB", "GB", "TB"}
	for len(units) > 1 && v >= 1000 {
		v, units = v/1000, units[1:]
	}
	if units[0] == "B" {
		return text.Thousands(n) + " B"
	}
	return text.Decimals(v, 1) + " " + units[0]
}

// spell formats milliseconds as a duration.
func spell(ms float64) string {
	d := time.Duration(ms * float64(time.Millisecond))
	if d < 10*time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(100 * time.Millisecond).String()
}

// clip makes foreign text safe to print and cuts it to n characters.
func clip(s string, n int) string { return text.Clip(text.Clean(s), n, "…") }

// wrap makes foreign text safe to print and breaks it into lines.
func wrap(s string, columns int) []string { return text.Wrap(text.Clean(s), columns) }
