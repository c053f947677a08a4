package report

import (
	"cmp"
	"math"
	"strconv"
	"strings"
)

// chart is a chart as the page draws it: an SVG with coordinates from 0 to 1000 that is
// stretched to the available width. Labels are text of the page, so that they keep
// their size on a phone. Classes are CSS classes of the page.
type chart struct {
	Title, Note string
	Class       string // of the element that contains the chart
	Grid        string // path
	Lines       []line
	X, Y        []tick
	Hover       []hover
}

// line is a line, an area or bars of a chart.
type line struct {
	Name, Class string
	Path        string
}

// tick is a label at a position of the axis, in percent.
type tick struct {
	At    float64
	Label string
	Edge  string // class that keeps a label at the end of the axis inside
}

// hover is a part of the chart's width that shows its values under the pointer.
type hover struct {
	From, Width float64
	Text        string
}

// svgSize is the width and the height of a chart's coordinates.
const svgSize = 1000

// path returns a line through n points. It leaves out points for which skip returns
// true.
func path(n int, x, y func(int) float64, skip func(int) bool) string {
	var b strings.Builder
	down := false
	for i := range n {
		if skip != nil && skip(i) {
			down = false
			continue
		}
		b.WriteString(choose(down, "L", "M") + coordinate(x(i)) + " " + coordinate(1-y(i)))
		down = true
	}
	return b.String()
}

// dots returns a dot for each point of a line that has no neighbour, where a path shows
// nothing.
func dots(n int, x, y func(int) float64, skip func(int) bool) string {
	var b strings.Builder
	there := func(i int) bool { return i >= 0 && i < n && (skip == nil || !skip(i)) }
	for i := range n {
		if there(i) && !there(i-1) && !there(i+1) {
			b.WriteString("M" + coordinate(x(i)) + " " + coordinate(1-y(i)) + "h0.01") // its round cap is the dot
		}
	}
	return b.String()
}

// draw adds a line through n points to the chart, and a dot where a point has no
// neighbour. It leaves out points for which skip returns true.
func (c *chart) draw(name, class string, n int, x, y func(int) float64, skip func(int) bool) {
	c.Lines = append(c.Lines, line{name, class, path(n, x, y, skip)})
	if lone := dots(n, x, y, skip); lone != "" {
		c.Lines = append(c.Lines, line{"", "dot " + class, lone})
	}
}

// area returns the area below a line.
func area(n int, x, y func(int) float64) string {
	if n < 2 {
		return ""
	}
	return "M" + coordinate(x(0)) + " 1000L" + path(n, x, y, nil)[1:] + "L" + coordinate(x(n-1)) + " 1000Z"
}

// bars returns n columns that stand on the axis.
func bars(n int, x, y func(int) float64) string {
	var b strings.Builder
	w := float64(svgSize) / float64(max(1, n)) * 0.8
	for i := range n {
		if h := y(i); h > 0 {
			h = math.Max(h, 0.012) // even one failure in a million must be visible
			left := math.Min(svgSize-w, math.Max(0, x(i)*svgSize-w/2))
			b.WriteString("M" + trimmed(left) + " 1000V" + coordinate(1-h) + "h" + trimmed(w) + "V1000Z")
		}
	}
	return b.String()
}

func coordinate(share float64) string { return trimmed(share * svgSize) }

func trimmed(v float64) string {
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
}

func choose(is bool, a, b string) string {
	if is {
		return a
	}
	return b
}

// labels returns the ticks of an axis, and a path of grid lines at the ticks.
func labels(a axis, text func(float64) string) (ticks []tick, grid string) {
	for _, v := range a.ticks() {
		ticks = append(ticks, tick{At: round2(100 * a.at(v)), Label: text(v)})
		grid += "M0 " + coordinate(1-a.at(v)) + "H1000"
	}
	return ticks, grid
}

// timeTicks returns the ticks in seconds or minutes below a chart.
func timeTicks(ms float64) []tick {
	if ms <= 0 {
		return nil
	}
	divisor, suffix := 1000.0, " s"
	if ms > 300_000 {
		divisor, suffix = 60_000, " min"
	}
	step := math.Max(1, roundStep(ms/divisor, 5))
	var ticks []tick
	for i := 0; float64(i)*step <= ms/divisor*1.000001; i++ {
		at := float64(i) * step / (ms / divisor)
		ticks = append(ticks, tick{round2(100 * at), tickLabel(float64(i)*step) + suffix, edge(at)})
	}
	return ticks
}

// edge returns the class of a label near an end of its axis, or "" if it is not near
// one.
func edge(at float64) string {
	return cmp.Or(choose(at < 0.02, "first", ""), choose(at > 0.96, "last", ""))
}

func round2(v float64) float64 { return math.Round(v*100) / 100 }
