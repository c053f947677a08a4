package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/emostream/emostream/internal/text"
)

// maxPoints is how many points of a series are drawn. More would not be visible at the
// width of a page.
const maxPoints = 400

// sendingSeconds cuts off the end of a series, where nothing was sent any more, and a
// last point of less than a second, whose counts would look like a drop.
func sendingSeconds(s []Point) []Point {
	for n := len(s); n > 0 && s[n-1].Asked == 0 && s[n-1].Sent+s[n-1].Accepted+s[n-1].Failed == 0; n-- {
		s = s[:n-1]
	}
	if n := len(s); n > 1 && s[n-1].AtMS-s[n-2].AtMS < 950 {
		return s[:n-1]
	}
	return s
}

// thin joins neighbouring points of a series that has more than n points. Of rates it
// keeps the mean, of latencies the maximum.
func thin(series []Point, n int) []Point {
	if len(series) <= n {
		return series
	}
	size := (len(series) + n - 1) / n
	var out []Point
	for len(series) > 0 {
		k := min(size, len(series))
		p := Point{AtMS: series[0].AtMS}
		for _, q := range series[:k] {
			p.Asked += q.Asked / float64(k)
			p.Sent += q.Sent
			p.Accepted += q.Accepted
			p.Failed += q.Failed
			p.AckP50, p.AckP99 = math.Max(p.AckP50, q.AckP50), math.Max(p.AckP99, q.AckP99)
		}
		p.Sent, p.Accepted, p.Failed = p.Sent/int64(k), p.Accepted/int64(k), (p.Failed+int64(k)-1)/int64(k)
		out, series = append(out, p), series[k:]
	}
	return out
}

// across returns the positions of the points of a series that is not empty, from 0 at the left to 1 at
// the right, and the time at the right end in ms.
func across(s []Point) (x func(int) float64, ms float64) {
	last := s[len(s)-1].AtMS
	if len(s) == 1 { // a lone second is shown in the middle of its time
		return func(int) float64 { return 0.5 }, last
	}
	if last <= s[0].AtMS {
		return func(i int) float64 { return float64(i) / float64(len(s)-1) }, 0
	}
	return func(i int) float64 { return s[i].AtMS / last }, last
}

// rateChart returns a chart of the rates over time: asked for, sent and accepted.
func rateChart(s []Point) chart {
	top, failed := 0.0, false
	for _, p := range s {
		top = max(top, p.Asked, float64(p.Sent), float64(p.Accepted))
		failed = failed || p.Failed > 0
	}
	a := linear(1.1 * top)
	x, ms := across(s)
	y := func(of func(Point) float64) func(int) float64 {
		return func(i int) float64 { return a.at(of(s[i])) }
	}
	askedFor := y(func(p Point) float64 { return p.Asked })
	sent := y(func(p Point) float64 { return float64(p.Sent) })
	accepted := y(func(p Point) float64 { return float64(p.Accepted) })
	c := chart{Title: "Rate", Note: "reactions a second", X: timeTicks(ms)}
	c.Y, c.Grid = labels(a, tickLabel)
	c.Lines = []line{{"", "area teal", area(len(s), x, accepted)}}
	c.draw("asked", "dashed muted", len(s), x, askedFor, nil)
	c.draw("sent", "blue", len(s), x, sent, nil)
	c.draw("accepted", "teal", len(s), x, accepted, nil)
	if failed {
		c.Lines = append(c.Lines, line{"failed", "bars red", bars(len(s), x, y(func(p Point) float64 { return float64(p.Failed) }))})
	}
	c.Hover = overPoints(s, x, func(p Point) string {
		return fmt.Sprintf("%s: asked %s, sent %s, accepted %s, failed %s", spell(p.AtMS), short(p.Asked), text.Thousands(p.Sent), text.Thousands(p.Accepted), text.Thousands(p.Failed))
	})
	return c
}

// ackChart returns a chart of the latency of answers over time. If the latencies differ
// widely, the axis is logarithmic.
func ackChart(s []Point) chart {
	low, high := math.Inf(1), 0.0
	for _, p := range s {
		if p.AckP50 > 0 {
			low = min(low, p.AckP50)
		}
		high = max(high, p.AckP50, p.AckP99)
	}
	a, note := linear(1.1*high), "from when a request was due to its answer"
	if high > 20*low {
		a = logarithmic(low, high)
		note += ", logarithmic"
	}
	x, ms := across(s)
	p50 := func(i int) float64 { return a.at(s[i].AckP50) }
	p99 := func(i int) float64 { return a.at(s[i].AckP99) }
	c := chart{Title: "Ack", Note: note, X: timeTicks(ms)}
	c.Y, c.Grid = labels(a, timeLabel)
	c.draw("p50", "blue", len(s), x, p50, func(i int) bool { return s[i].AckP50 <= 0 })
	c.draw("p99", "amber", len(s), x, p99, func(i int) bool { return s[i].AckP99 <= 0 })
	c.Hover = overPoints(s, x, func(p Point) string {
		return fmt.Sprintf("%s: p50 %s, p99 %s", spell(p.AtMS), timeLabel(p.AckP50), timeLabel(p.AckP99))
	})
	return c
}

// overPoints returns a hover for each point. It covers the part of the chart's width
// that is nearest to the point.
func overPoints(s []Point, x func(int) float64, text func(Point) string) []hover {
	var all []hover
	for i, p := range s {
		from, to := 0.0, 1.0
		if i > 0 {
			from = (x(i-1) + x(i)) / 2
		}
		if i+1 < len(s) {
			to = (x(i) + x(i+1)) / 2
		}
		all = append(all, hover{round2(from * svgSize), round2((to - from) * svgSize), text(p)})
	}
	return all
}

// distribution is one latency in the chart of distributions.
type distribution struct {
	latencyName
	class string
	h     *Histogram
}

// distributionChart returns a chart of each latency by percentile. Both axes are
// logarithmic: each step to the right adds a nine (90 %, 99 %, 99.9 %), as far as there
// are enough values.
func distributionChart(all map[string]*Latency) (chart, error) {
	lines, err := distributions(all)
	if err != nil || len(lines) == 0 {
		return chart{}, err
	}
	low, high, nines := math.Inf(1), 0.0, 1.0
	for _, d := range lines {
		low = min(low, math.Max(InMS(d.h.Quantile(0)), 0.001))
		high = max(high, InMS(d.h.Quantile(1)))
		nines = max(nines, math.Min(6, math.Log10(float64(d.h.Count()))))
	}
	a := logarithmic(low, high)
	c := chart{Title: "Latencies by percentile", Note: "both axes logarithmic", Class: "tall"}
	c.Y, c.Grid = labels(a, timeLabel)
	for i, label := range []string{"0 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %", "99.9999 %"} {
		if at := float64(i) / nines; at <= 1 {
			crowded := i%2 == 1 && nines > 4
			c.X = append(c.X, tick{round2(100 * at), label, edge(at) + choose(crowded, " crowded", "")})
			c.Grid += "M" + coordinate(at) + " 0V1000"
		}
	}
	const steps = 160
	for _, d := range lines {
		ends := math.Log10(float64(d.h.Count())) // further percentiles are all the maximum
		at := func(i int) float64 { return float64(i) / steps }
		value := func(i int) float64 { return a.at(InMS(d.h.Quantile(quantileAt(at(i) * nines)))) }
		c.draw(d.words, d.class, steps+1, at, value, func(i int) bool { return at(i)*nines > ends+0.001 })
	}
	const slices = 40
	for i := range slices {
		q := quantileAt((float64(i) + 0.5) / slices * nines)
		texts := []string{fmt.Sprintf("%.5g %%", 100*q)}
		for _, d := range lines {
			texts = append(texts, d.words+" "+timeLabel(InMS(d.h.Quantile(q))))
		}
		c.Hover = append(c.Hover, hover{float64(i) * svgSize / slices, svgSize / slices, strings.Join(texts, "\n")})
	}
	return c, nil
}

// quantileAt returns the quantile with the given number of nines: 0.99 for 2.
func quantileAt(nines float64) float64 { return 1 - math.Pow(10, -nines) }

// distributions returns the latencies for the chart of distributions.
func distributions(all map[string]*Latency) ([]distribution, error) {
	classes := map[string]string{SendDelay: "muted", Ack: "blue", WindowWait: "dashed muted", Overhead: "amber", EndToEnd: "violet"}
	var lines []distribution
	for _, n := range latencyNames() {
		l, class := all[n.key], classes[n.key]
		if l == nil || l.Count == 0 || class == "" {
			continue
		}
		h, err := l.Decode()
		if err != nil {
			return nil, fmt.Errorf("latency %s: %w", n.key, err)
		}
		lines = append(lines, distribution{n, class, h})
	}
	return lines, nil
}
