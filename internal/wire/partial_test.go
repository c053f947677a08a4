package wire_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/wire"
)

func TestProgressJSON(t *testing.T) {
	for name, tt := range map[string]struct {
		progress wire.Progress
		want     string
	}{
		"a partial": {
			wire.Progress{Partial: &wire.Partial{Version: 1, Partition: 3, End: at, Channel: "main", First: 7, Next: 9, Counts: map[string]int64{"🔥": 2}}},
			`{"partial":{"v":1,"partition":3,"end":1767323045000,"channel":"main","first":7,"next":9,"counts":{"🔥":2}}}`,
		},
		"a mark": {
			wire.Progress{Mark: &wire.Mark{Version: 1, Partition: 3, Partitions: 4, Reducers: 2, Reported: at, Closed: at - 10000, Settings: wire.Settings{WindowMS: 2000, LatenessMS: 10000}}},
			`{"mark":{"v":1,"partition":3,"partitions":4,"reducers":2,"reported":1767323045000,"closed":1767323035000,"window_ms":2000,"lateness_ms":10000}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := tt.progress.Encode()
			if diff := cmp.Diff(tt.want, string(b)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			got, err := wire.DecodeProgress(b)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.progress, got); diff != "" {
				t.Errorf("read again (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeProgressRefuses(t *testing.T) {
	for name, tt := range map[string]struct{ value, why string }{
		"nothing":                       {"", "partial or mark: "},
		"neither":                       {`{}`, "neither"},
		"both":                          {`{"partial":{"v":1},"mark":{"v":1}}`, "neither"},
		"a partial without a version":   {`{"partial":{"partition":0}}`, "it has no format version"},
		"a partial of a newer version":  {`{"partial":{"v":2,"partition":0}}`, "format version 2 is newer than the 1 that this program reads"},
		"a mark of a newer version":     {`{"mark":{"v":2,"partition":0}}`, "a newer emostream wrote it"},
		"a newer one of other fields":   {`{"mark":{"v":2,"partition":"first"}}`, "format version 2"},
		"a newer one among garbage":     {`{"mark":{"v":2,"partition":`, "unexpected end"},
		"a version that is a word":      {`{"mark":{"v":"two"}}`, "cannot unmarshal"},
		"a version below all":           {`{"mark":{"v":-1,"partitions":1,"reducers":1,"window_ms":1,"lateness_ms":1}}`, "it has no format version"},
		"a tombstone":                   {"", "partial or mark: "},
		"a partial of no counts":        {`{"partial":{"v":1,"channel":"main","next":1}}`, "no counts"},
		"a partial of no channel":       {`{"partial":{"v":1,"next":1,"counts":{"🔥":1}}}`, "no channel"},
		"a partial before the log":      {`{"partial":{"v":1,"channel":"main","first":-1,"next":1,"counts":{"🔥":1}}}`, "from -1 to 1"},
		"a partial of no offsets":       {`{"partial":{"v":1,"channel":"main","first":5,"next":5,"counts":{"🔥":1}}}`, "from 5 to 5"},
		"one reaction too many":         {`{"partial":{"v":1,"channel":"main","first":5,"next":7,"counts":{"🔥":3}}}`, "among the offsets from 5 to 7"},
		"one that overflows":            {`{"partial":{"v":1,"channel":"main","next":1,"counts":{"🔥":9223372036854775807,"😂":9223372036854775807}}}`, "among the offsets"},
		"a count below one":             {`{"partial":{"v":1,"channel":"main","next":9,"counts":{"🔥":0}}}`, "it counts 0"},
		"a negative partition":          {`{"partial":{"v":1,"partition":-1,"channel":"main","next":9,"counts":{"🔥":1}}}`, "no partition -1"},
		"a partial with another's type": {`{"partial":{"v":1,"first":"7"}}`, "first"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := wire.DecodeProgress([]byte(tt.value))
			if err == nil || !strings.Contains(err.Error(), tt.why) || got != (wire.Progress{}) {
				t.Errorf("DecodeProgress = %+v, %v; want an error about %q", got, err, tt.why)
			}
		})
	}
}

func TestSettingsString(t *testing.T) {
	got := wire.Settings{WindowMS: 500, LatenessMS: 90_000}.String()
	if want := "window 500ms, lateness 1m30s"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
