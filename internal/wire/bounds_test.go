package wire_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/wire"
)

// Partials, marks, counts and swarms are taken up to their bounds, and not one beyond.
func TestBoundsOfRecords(t *testing.T) {
	partial := func(partition, first, next, count int) string {
		return fmt.Sprintf(`{"partial":{"v":1,"partition":%d,"channel":"main","first":%d,"next":%d,"counts":{"🔥":%d}}}`, partition, first, next, count)
	}
	mark := func(partition, partitions, reducers, window, lateness int) string {
		return fmt.Sprintf(`{"mark":{"v":1,"partition":%d,"partitions":%d,"reducers":%d,"window_ms":%d,"lateness_ms":%d}}`, partition, partitions, reducers, window, lateness)
	}
	window := func(length time.Duration) string {
		end := time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC)
		return fmt.Sprintf(`{"start":%q,"end":%q}`, end.Add(-length).Format(time.RFC3339Nano), end.Format(time.RFC3339Nano))
	}
	const day = 24 * time.Hour
	count := func(length time.Duration, count, scaled int, emoji, channel string) string {
		return fmt.Sprintf(`{"window":%s,"emoji_type":%q,"emoji_count":%d,"emoji_count_aggregated":%d,"channel":%q}`, window(length), emoji, count, scaled, channel)
	}
	swarm := func(length time.Duration, total, listed, scaled int, channel string) string {
		return fmt.Sprintf(`{"channel":%q,"window":%s,"total":%d,"emojis":[{"emoji_type":"🔥","emoji_count":%d,"emoji_count_aggregated":%d}]}`, channel, window(length), total, listed, scaled)
	}
	progress := func(b []byte) error { _, err := wire.DecodeProgress(b); return err }
	counts := func(b []byte) error { _, err := wire.DecodeCount(b); return err }
	swarms := func(b []byte) error { _, err := wire.DecodeSwarm(b); return err }
	x := func(n int) string { return strings.Repeat("x", n) }
	const maxCount, maxTotal = wire.MaxCount, 10_000 * wire.MaxCount
	for name, tt := range map[string]struct {
		decode func([]byte) error
		value  string
		taken  bool
	}{
		"a partial of the first partition":       {progress, partial(0, 0, 1, 1), true},
		"a partial of the last partition":        {progress, partial(99_999, 0, 1, 1), true},
		"a partial of the one after that":        {progress, partial(100_000, 0, 1, 1), false},
		"a partial of fewer than its offsets":    {progress, partial(0, 5, 8, 2), true},
		"a partial of all its offsets":           {progress, partial(0, 5, 8, 3), true},
		"a partial of one more":                  {progress, partial(0, 5, 8, 4), false},
		"a mark of one partition":                {progress, mark(0, 1, 1, 1, 1), true},
		"a mark of no partition":                 {progress, mark(0, 0, 1, 1, 1), false},
		"a mark of no reducer":                   {progress, mark(0, 1, 0, 1, 1), false},
		"a mark of all partitions":               {progress, mark(99_999, 100_000, 100_000, 1, 1), true},
		"a mark of one partition more":           {progress, mark(0, 100_001, 1, 1, 1), false},
		"a mark of one reducer more":             {progress, mark(0, 1, 100_001, 1, 1), false},
		"a mark of the last of its partitions":   {progress, mark(3, 4, 1, 1, 1), true},
		"a mark of the one after that":           {progress, mark(4, 4, 1, 1, 1), false},
		"a mark of the one before the first":     {progress, mark(-1, 4, 1, 1, 1), false},
		"a mark of no window":                    {progress, mark(0, 1, 1, 0, 1), false},
		"a mark of no lateness":                  {progress, mark(0, 1, 1, 1, 0), false},
		"a count of a window of 1 ms":            {counts, count(time.Millisecond, 1, 1, "🔥", "main"), true},
		"a count of a day but 1 ms":              {counts, count(day-time.Millisecond, 1, 1, "🔥", "main"), true},
		"a count of a day":                       {counts, count(day, 1, 1, "🔥", "main"), true},
		"a count of a day and 1 ms":              {counts, count(day+time.Millisecond, 1, 1, "🔥", "main"), false},
		"a count of zero":                        {counts, count(day, 0, 0, "🔥", "main"), true},
		"a count below zero":                     {counts, count(day, -1, 0, "🔥", "main"), false},
		"a scaled count below zero":              {counts, count(day, 1, -1, "🔥", "main"), false},
		"the greatest count but one":             {counts, count(day, maxCount-1, 1, "🔥", "main"), true},
		"the greatest count":                     {counts, count(day, maxCount, 1, "🔥", "main"), true},
		"one more":                               {counts, count(day, maxCount+1, 1, "🔥", "main"), false},
		"a count of the longest emoji":           {counts, count(day, 1, 1, x(wire.MaxEmoji), "main"), true},
		"a count of a longer one":                {counts, count(day, 1, 1, x(wire.MaxEmoji+1), "main"), false},
		"a count of no emoji":                    {counts, count(day, 1, 1, "", "main"), false},
		"a count in the channel of longest name": {counts, count(day, 1, 1, "🔥", x(wire.MaxChannel)), true},
		"a count in one of a longer name":        {counts, count(day, 1, 1, "🔥", x(wire.MaxChannel+1)), false},
		"a swarm of a day":                       {swarms, swarm(day, 1, 1, 1, "main"), true},
		"a swarm of a day and 1 ms":              {swarms, swarm(day+time.Millisecond, 1, 1, 1, "main"), false},
		"a swarm of nothing":                     {swarms, swarm(day, 0, 0, 0, "main"), true},
		"a swarm of less":                        {swarms, swarm(day, -1, 0, 0, "main"), false},
		"a swarm that lists less":                {swarms, swarm(day, 1, -1, 0, "main"), false},
		"a swarm that lists a scaled count less": {swarms, swarm(day, 1, 1, -1, "main"), false},
		"a swarm that lists the greatest count":  {swarms, swarm(day, 1, maxCount, 1, "main"), true},
		"a swarm that lists one more":            {swarms, swarm(day, 1, maxCount+1, 1, "main"), false},
		"the greatest swarm but one":             {swarms, swarm(day, maxTotal-1, 1, 1, "main"), true},
		"the greatest swarm":                     {swarms, swarm(day, maxTotal, 1, 1, "main"), true},
		"one of one more":                        {swarms, swarm(day, maxTotal+1, 1, 1, "main"), false},
		"a swarm in the channel of longest name": {swarms, swarm(day, 1, 1, 1, x(wire.MaxChannel)), true},
		"a swarm in one of a longer name":        {swarms, swarm(day, 1, 1, 1, x(wire.MaxChannel+1)), false},
		"a swarm in no channel":                  {swarms, swarm(day, 1, 1, 1, ""), false},
	} {
		if err := tt.decode([]byte(tt.value)); (err == nil) != tt.taken {
			t.Errorf("%s: %v, want it to be taken: %v (%s)", name, err, tt.taken, tt.value)
		}
	}
}
