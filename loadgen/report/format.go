package report

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// width is how many columns a report for people has at most.
const width = 80

// thousands writes a count with commas.
func thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// decimals writes a value with so many decimals, and commas.
func decimals(v float64, places int) string {
	text := strconv.FormatFloat(v, 'f', places, 64)
	whole, fraction, _ := strings.Cut(text, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil { // beyond all counting
		return strconv.FormatFloat(v, 'g', 4, 64)
	}
	whole = strings.TrimPrefix(thousands(n), "-")
	if strings.HasPrefix(text, "-") {
		whole = "-" + whole
	}
	if places == 0 {
		return whole
	}
	return whole + "." + fraction
}

// short writes a value with three digits that matter, or all before the point.
func short(v float64) string {
	switch a := math.Abs(v); {
	case a >= 100 || a == math.Trunc(a):
		return decimals(v, 0)
	case a >= 10:
		return decimals(v, 1)
	case a >= 0.995:
		return decimals(v, 2)
	}
	return decimals(v, 3)
}

// count writes a count that may be unknown.
func count(n *int64) string {
	if n == nil {
		return "not available"
	}
	return thousands(*n)
}

// amount writes bytes.
func amount(n int64) string {
	v, units := float64(n), []string{"B", "KB", "MB", "GB", "TB"}
	for len(units) > 1 && v >= 1000 {
		v, units = v/1000, units[1:]
	}
	if units[0] == "B" {
		return thousands(n) + " B"
	}
	return decimals(v, 1) + " " + units[0]
}

// spell writes milliseconds as a duration.
func spell(ms float64) string {
	d := time.Duration(ms * float64(time.Millisecond))
	if d < 10*time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(100 * time.Millisecond).String()
}

// clean is foreign text on one line: what a hostile server may have put into an
// error must not reach a terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case r < ' ', r >= 0x7f && r < 0xa0, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == utf8.RuneError:
			return -1
		}
		return r
	}, s)
}

// clip cuts text to n characters.
func clip(s string, n int) string {
	s = clean(s)
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:max(0, n-1)]) + "…"
}

// wrap breaks text into lines of at most n characters, between words where there
// are any.
func wrap(s string, n int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(clean(s)) {
		for utf8.RuneCountInString(word) > n {
			runes := []rune(word)
			if line != "" {
				lines, line = append(lines, line), ""
			}
			lines, word = append(lines, string(runes[:n])), string(runes[n:])
		}
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= n:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
