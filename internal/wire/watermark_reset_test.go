package wire_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/wire"
)

func TestWatermarkResetTravels(t *testing.T) {
	for _, r := range []wire.WatermarkReset{
		{Version: 1, Watermark: 1},
		{Version: 1, Watermark: 253402300799999, Spent: []wire.WindowRange{{2, 2}, {4, 253402300860000}}},
	} {
		got, ok, err := wire.DecodeWatermarkReset(r.Encode())
		if diff := cmp.Diff(r, got); !ok || err != nil || diff != "" {
			t.Errorf("%s: %v, %v (-want +got):\n%s", r.Encode(), ok, err, diff)
		}
		if _, err := wire.DecodeCountedFields(r.Encode()); err == nil {
			t.Errorf("%s is taken for a reaction", r.Encode())
		}
	}
}

func TestDecodeWatermarkReset(t *testing.T) {
	many := func(n int) string { return strings.Repeat("[2,2],", n-1) + "[2,2]" }
	for value, want := range map[string]string{
		"":                         "another",
		"hello":                    "another",
		"{}":                       "another",
		`{"watermark_reset":null}`: "another",
		`{"watermark_reset":5}`:    "another",
		`{"watermark_reset":{}}`:   "a reset of a watermark without a format version",
		`{"watermark_reset":{"v":1,"watermark":"x"}}`:                                              "another",
		`{"watermark_reset":{"v":2,"watermark":"x"}}`:                                              "format version 2 is newer",
		`{"watermark_reset":{"v":1,"watermark":0}}`:                                                "cannot be reset to 0 ms",
		`{"watermark_reset":{"v":1,"watermark":1}}`:                                                "ok",
		`{"watermark_reset":{"v":1,"watermark":253402300799999}}`:                                  "ok",
		`{"watermark_reset":{"v":1,"watermark":253402300800000}}`:                                  "cannot be reset to 253402300800000 ms",
		`{"watermark_reset":{"v":1,"watermark":1,"spent":[[0,5]]}}`:                                "end from 0 to 5 ms",
		`{"watermark_reset":{"v":1,"watermark":1,"spent":[[1,1]]}}`:                                "ok",
		`{"watermark_reset":{"v":1,"watermark":1,"spent":[[5,4]]}}`:                                "end from 5 to 4 ms",
		`{"watermark_reset":{"v":1,"watermark":1,"spent":[[5,253402300860000]]}}`:                  "ok",
		`{"watermark_reset":{"v":1,"watermark":1,"spent":[[5,253402300860001]]}}`:                  "end from 5 to 253402300860001 ms",
		`{"watermark_reset":{"v":1,"watermark":1,"spent":[` + many(wire.MaxWindowRanges) + `]}}`:   "ok",
		`{"watermark_reset":{"v":1,"watermark":1,"spent":[` + many(wire.MaxWindowRanges+1) + `]}}`: "17 ranges of windows",
	} {
		_, ok, err := wire.DecodeWatermarkReset([]byte(value))
		got := fmt.Sprint(err)
		switch {
		case ok && err == nil:
			got = "ok"
		case err == nil:
			got = "another"
		}
		if !strings.Contains(got, want) {
			t.Errorf("%.80s: %s, want %s", value, got, want)
		}
	}
}
