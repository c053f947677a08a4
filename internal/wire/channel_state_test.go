package wire_test

import (
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/wire"
)

func TestDecodeChannelState(t *testing.T) {
	for in, want := range map[string]wire.ChannelState{
		`{"state":"open"}`: {State: "open"},
		`{"state":"slowed","per_user":"1/s","until":"2026-11-30T20:15:00.000Z","reason":"calm","more":1}`: {State: "slowed", PerUser: "1/s", Until: "2026-11-30T20:15:00.000Z", Reason: "calm"},
		`{"state":"closed","reason":"` + strings.Repeat("x", 1024) + `"}`:                                 {State: "closed", Reason: strings.Repeat("x", 1024)},
	} {
		if got, err := wire.DecodeChannelState([]byte(in)); err != nil || got != want {
			t.Errorf("%.60s: %+v, %v", in, got, err)
		}
	}
	for _, in := range []string{``, `{}`, `[]`, `{"state":1}`, `{"state":"Open"}`, `{"state":"closed","reason":"` + strings.Repeat("x", 1025) + `"}`} {
		if got, err := wire.DecodeChannelState([]byte(in)); err == nil {
			t.Errorf("%.60s: %+v", in, got)
		}
	}
}
