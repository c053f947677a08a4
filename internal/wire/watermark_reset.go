package wire

import (
	"encoding/json"
	"errors"
	"fmt"
)

// WindowRange is a number of windows that follow each other: the ends of the first and
// the last, in ms.
type WindowRange [2]int64

// WatermarkReset is a record of emoji-topic that is no reaction: it sets the watermark of
// its partition back, from a time that is ahead of all clocks. `emostream topics
// reset-watermark` writes it. What the partition counts from there on follows from the
// log as before, since the record is in it.
type WatermarkReset struct {
	Version   int   `json:"v"`
	Watermark int64 `json:"watermark"` // ms
	// Held is the end of the partition when reducers were told to close no windows. If
	// another reset was applied since, this one does not hold any more.
	Held int64 `json:"held"`
	// Spent are windows ahead of Watermark in which any partition has counted. The
	// partition counts no more reactions in them.
	Spent []WindowRange `json:"spent,omitempty"`
}

// Encode returns the record value.
func (r WatermarkReset) Encode() []byte {
	b, err := json.Marshal(map[string]WatermarkReset{"watermark_reset": r})
	if err != nil {
		panic(err) // integers always marshal
	}
	return b
}

// MaxWindowRanges bounds the ranges of windows that a reset and a commit hold, so that a
// commit fits into the 4 KiB of metadata that brokers allow.
const MaxWindowRanges = 16

// DecodeWatermarkReset decodes the value of a record that is no reaction. It returns
// false if the record does not reset a watermark either. It fails with a
// *NewerFormatError if the record has a newer format, and with another error if it says
// what cannot be.
func DecodeWatermarkReset(value []byte) (r WatermarkReset, ok bool, err error) {
	var v struct {
		Reset *WatermarkReset `json:"watermark_reset"`
	}
	if err := json.Unmarshal(value, &v); v.Reset == nil || err != nil && v.Reset.Version <= FormatVersion {
		return WatermarkReset{}, false, nil
	}
	switch r = *v.Reset; {
	case r.Version > FormatVersion:
		return WatermarkReset{}, false, &NewerFormatError{r.Version}
	case r.Version < 1:
		return WatermarkReset{}, false, errors.New("a reset of a watermark without a format version")
	case !IsTime(r.Watermark):
		return WatermarkReset{}, false, fmt.Errorf("a watermark cannot be reset to %d ms", r.Watermark)
	case r.Held < 0:
		return WatermarkReset{}, false, fmt.Errorf("a reset of a watermark cannot be held from offset %d on", r.Held)
	case len(r.Spent) > MaxWindowRanges:
		return WatermarkReset{}, false, fmt.Errorf("a reset of a watermark has %d ranges of windows, and at most %d are allowed", len(r.Spent), MaxWindowRanges)
	}
	for _, s := range r.Spent {
		if s[0] <= 0 || s[1] < s[0] || s[1] > latestEnd {
			return WatermarkReset{}, false, fmt.Errorf("a reset of a watermark names windows that end from %d to %d ms, which none do", s[0], s[1])
		}
	}
	return r, true, nil
}
