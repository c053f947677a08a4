package report

import (
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The range of a Histogram, and how many decimal digits of a value it keeps.
const (
	shortest = time.Microsecond
	longest  = 10 * time.Minute
	digits   = 3
)

// Histogram counts durations from 1 µs to 10 min with a precision of three digits. A
// duration outside that range counts as its nearest end. A Histogram is not safe for
// concurrent use, but several can be merged.
type Histogram struct {
	hdr *hdrhistogram.Histogram // in microseconds
}

// NewHistogram returns an empty histogram.
func NewHistogram() *Histogram {
	return &Histogram{hdrhistogram.New(int64(shortest/time.Microsecond), int64(longest/time.Microsecond), digits)}
}

// Record counts one duration.
func (h *Histogram) Record(d time.Duration) { h.RecordN(d, 1) }

// RecordN counts a duration n times.
func (h *Histogram) RecordN(d time.Duration, n int64) {
	d = min(max(d, shortest), longest)
	_ = h.hdr.RecordValues(int64(d/time.Microsecond), n) // no error, since d is in the range
}

// Merge adds exactly what o has counted.
func (h *Histogram) Merge(o *Histogram) { h.hdr.Merge(o.hdr) }

// Reset removes all durations.
func (h *Histogram) Reset() { h.hdr.Reset() }

// Count returns how many durations were counted.
func (h *Histogram) Count() int64 { return h.hdr.TotalCount() }

// Quantile returns the least duration that a share q of all durations, such as 0.99,
// does not exceed. It returns 0 if nothing was counted.
func (h *Histogram) Quantile(q float64) time.Duration {
	return time.Duration(h.hdr.ValueAtQuantile(q*100)) * time.Microsecond
}

// HDR returns the underlying histogram, in microseconds.
func (h *Histogram) HDR() *hdrhistogram.Histogram { return h.hdr }

// Latency returns the part of a report that describes the histogram, or nil if nothing
// was counted.
func (h *Histogram) Latency() *Latency {
	if h == nil || h.Count() == 0 {
		return nil
	}
	b, err := h.hdr.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		panic(err) // cannot happen, since it writes to memory
	}
	return &Latency{
		Count: h.Count(),
		Mean:  h.hdr.Mean() / 1000,
		P50:   InMS(h.Quantile(0.5)), P90: InMS(h.Quantile(0.9)), P99: InMS(h.Quantile(0.99)), P999: InMS(h.Quantile(0.999)),
		Max:       float64(h.hdr.Max()) / 1000,
		Histogram: string(b),
	}
}

// Decode returns the histogram from which a report's figures were taken.
func (l *Latency) Decode() (*Histogram, error) {
	read, err := hdrhistogram.Decode([]byte(l.Histogram))
	if err != nil {
		return nil, fmt.Errorf("histogram: %w", err)
	}
	h := NewHistogram()
	if dropped := h.hdr.Merge(read); dropped > 0 {
		return nil, fmt.Errorf("histogram: %d values are beyond %v", dropped, longest)
	}
	return h, nil
}

// InMS converts a duration to milliseconds.
func InMS(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
