package verify_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/inspect/verify"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// The settings are those that were given, else those of the newest mark, in any
// partition and however far back. Without either only totals are compared.
func TestSettings(t *testing.T) {
	ones, fives := wire.Settings{WindowMS: 1000, LatenessMS: 3000}, wire.Settings{WindowMS: 5000, LatenessMS: 4000}
	for name, tt := range map[string]struct {
		write            func(*installation)
		window, lateness time.Duration
		want             wire.Settings
		source, compared string
	}{
		"a mark": {
			func(in *installation) { in.mark(0, base, ones) }, 0, 0,
			ones, "emoji-partials", verify.ByWindow,
		},
		"the newest of two partitions": {
			func(in *installation) { in.mark(1, base+2, ones); in.mark(0, base+1, fives) }, 0, 0,
			ones, "emoji-partials", verify.ByWindow,
		},
		"the last of a partition": {
			func(in *installation) { in.mark(0, base, ones); in.mark(0, base, fives) }, 0, 0,
			fives, "emoji-partials", verify.ByWindow,
		},
		"far back": {
			func(in *installation) {
				in.mark(0, base, ones)
				in.partials(350)
			}, 0, 0,
			ones, "emoji-partials", verify.ByWindow,
		},
		"marks that cannot be": {
			func(in *installation) {
				in.mark(0, base, ones)
				in.mark(0, base, wire.Settings{})
				in.mark(0, base, wire.Settings{WindowMS: -1, LatenessMS: 1})
				in.write(in.names.Partials(), 0, stream.Record{Time: base, Value: []byte("junk")})
			}, 0, 0,
			ones, "emoji-partials", verify.ByWindow,
		},
		"no mark": {
			func(in *installation) { in.partials(250) }, 0, 0,
			wire.Settings{},
			"none", verify.ByTotal,
		},
		"no partials at all": {
			func(*installation) {}, 0, 0,
			wire.Settings{},
			"none", verify.ByTotal,
		},
		"both are given": {
			func(*installation) {}, 5 * time.Second, 4 * time.Second,
			fives, "given", verify.ByWindow,
		},
		"the window is given as it is": {
			func(in *installation) { in.mark(0, base, ones) }, time.Second, 0,
			ones, "emoji-partials", verify.ByWindow,
		},
		"the lateness is given, and nothing else known": {
			func(*installation) {}, 0, 4 * time.Second,
			wire.Settings{WindowMS: 2000, LatenessMS: 4000},
			"given", verify.ByWindow,
		},
		"the window is given, and nothing else known": {
			func(*installation) {}, 5 * time.Second, 0,
			wire.Settings{WindowMS: 5000, LatenessMS: 10000},
			"given", verify.ByWindow,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := install(t)
			tt.write(in)
			cfg := in.config()
			cfg.Window, cfg.Lateness = tt.window, tt.lateness
			r, err := verify.Check(in.within(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			if r.Settings != tt.want || r.Source != tt.source || r.Compared != tt.compared {
				t.Errorf("compared %s by %v from %s, want %s by %v from %s", r.Compared, r.Settings, r.Source, tt.compared, tt.want, tt.source)
			}
		})
	}
}

// Other settings than those of the aggregator are refused, since every window would
// seem wrong.
func TestOtherSettingsAreRefused(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.mark(0, base, wire.Settings{WindowMS: 1000, LatenessMS: 3000})
	cfg := in.config()
	cfg.Window = 5 * time.Second
	_, err := verify.Check(in.within(), cfg)
	if _, ok := errors.AsType[*verify.SettingsError](err); !ok {
		t.Fatalf("Check = %v, want a SettingsError", err)
	}
	const want = "the counting is done with window 1s, lateness 3s, and window 5s, lateness 3s was given"
	if !strings.Contains(err.Error(), want) {
		t.Errorf("it says %q, want %q in it", err, want)
	}
}

// partials writes n partials.
func (in *installation) partials(n int) {
	in.t.Helper()
	records := make([]stream.Record, n)
	for i := range records {
		p := wire.Partial{Version: wire.FormatVersion, End: base, Channel: "main"}
		records[i] = stream.Record{Time: base, Value: wire.Progress{Partial: &p}.Encode()}
	}
	in.write(in.names.Partials(), 0, records...)
}
