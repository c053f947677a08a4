package text_test

import (
	"testing"

	"github.com/emostream/emostream/internal/text"
)

func TestThousands(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 123456: "123,456", 1234567: "1,234,567", -999: "-999", -1000: "-1,000", -123456: "-123,456"} {
		if got := text.Thousands(n); got != want {
			t.Errorf("text.Thousands(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestDecimals(t *testing.T) {
	for _, test := range []struct {
		value  float64
		places int
		want   string
	}{{1234.56, 1, "1,234.6"}, {-0.1, 1, "-0.1"}, {1234.5, 0, "1,234"}, {1e20, 2, "1e+20"}} {
		if got := text.Decimals(test.value, test.places); got != test.want {
			t.Errorf("Decimals(%v, %d) = %q, want %q", test.value, test.places, got, test.want)
		}
	}
}
