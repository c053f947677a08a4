package controls_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/controls"
	"github.com/emostream/emostream/internal/stream"
)

// Whatever a record holds, its control is one that could have been set: Clean leaves it as
// it is, and it is read again as it is written.
func FuzzRecord(f *testing.F) {
	f.Add("channel/main", pausedMain)
	f.Add("user/ann", bannedAnn)
	f.Add("emoji/🔥", `{"kind":"emoji","name":"🔥","state":"hidden","until":"2030-01-02T03:04:05.678Z","set_at":"2029-12-31T23:59:59.999Z"}`)
	f.Add("channel/a", `{"kind":"channel","name":"a","state":"slowed","per_user":"0x1p-3:7"}`)
	f.Add("channel/a", "")
	f.Fuzz(func(t *testing.T, key, value string) {
		c, err := controls.Decode(stream.Record{Key: []byte(key), Value: []byte(value)})
		if err != nil || value == "" {
			return
		}
		if clean, err := controls.Clean(c); err != nil || !cmp.Equal(clean, c) {
			t.Errorf("%+v is cleaned as %+v, %v", c, clean, err)
		}
		w := c.Wire()
		again, err := controls.Decode(stream.Record{Key: w.Key(), Value: w.Encode()})
		if diff := cmp.Diff(c, again); diff != "" || err != nil {
			t.Errorf("written and read again: %v (-want +got):\n%s", err, diff)
		}
	})
}

// Asking for what is in force allocates nothing, since every reaction asks three times.
func TestGetAllocatesNothing(t *testing.T) {
	var table controls.Table
	for _, name := range []string{"", "ann"} {
		if name != "" {
			if err := table.Set(controls.Control{Kind: controls.User, Name: name, State: controls.Banned}); err != nil {
				t.Fatal(err)
			}
		}
		now := time.Now()
		if n := testing.AllocsPerRun(100, func() {
			table.Get(controls.User, "bob", now)
			table.Get(controls.Channel, "main", now)
			table.Get(controls.Emoji, "🔥", now)
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	for name, banned := range map[string]bool{"nothing is set": false, "somebody is banned": true} {
		b.Run(name, func(b *testing.B) {
			var table controls.Table
			if banned {
				_ = table.Set(controls.Control{Kind: controls.User, Name: "ann", State: controls.Banned})
			}
			now := time.Now()
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					table.Get(controls.User, "bob", now)
				}
			})
		})
	}
}
