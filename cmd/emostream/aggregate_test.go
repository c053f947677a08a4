package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/emostream/emostream/aggregator"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// When the counting stops with an error that a flag mends, the error names the flag.
func TestAggregateNamesTheFlagsThatHelp(t *testing.T) {
	ones, twos := wire.Settings{WindowMS: 1000, LatenessMS: 10_000}, wire.Settings{WindowMS: 2000, LatenessMS: 90_500}
	other := errors.New("other")
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"records that are gone": {
			&aggregator.CommitError{Partition: 2, Problem: "the commit at 4 is below the log's start at 5, so that records between them are gone"},
			"emoji-topic/2: the commit at 4 is below the log's start at 5, so that records between them are gone. Reactions may not be counted, or be counted apart from those already counted in their window. " +
				"If that is acceptable, start aggregate once with --reset-lost to go on from the log's start",
		},
		"other settings of a combiner": {
			&aggregator.SettingsError{Topic: "emoji-topic", Partition: 2, Theirs: ones, Ours: twos},
			"emoji-topic/2 was counted with --window 1s --lateness 10s and this aggregate was started with --window 2s --lateness 1m30.5s: use the same, or begin anew under another --topic-prefix (emostream up: in another --data-dir)",
		},
		"other settings of a reducer": {
			&aggregator.SettingsError{Topic: "emoji-partials", Partition: 0, Theirs: twos, Ours: ones},
			"emoji-partials/0 was written with --window 2s --lateness 1m30.5s and this aggregate was started with --window 1s --lateness 10s: all copies must use the same",
		},
		"a mark of other settings": {
			&aggregator.OtherMarkError{Offset: 7, Err: &aggregator.SettingsError{Topic: "emoji-partials", Partition: 0, Theirs: twos, Ours: ones}},
			"emoji-partials/0 was written with --window 2s --lateness 1m30.5s and this aggregate was started with --window 1s --lateness 10s: all copies must use the same. " +
				"If no aggregate wrote the mark at offset 7 that says so, start aggregate with --skip-other-marks to pass over it",
		},
		"a mark for other numbers of partitions": {
			fmt.Errorf("emoji-partials/0 at offset 7: %w", &aggregator.OtherMarkError{Offset: 7, Err: &aggregator.PartitionsError{Topic: "emoji-topic", Partition: 1, Then: 7, Now: 2}}),
			"emoji-partials/0 at offset 7: emoji-topic/1 was counted for 7 partitions of emoji-topic and there are 2: " +
				"the number may only change after a drain, with aggregate stopped and emoji-partials made anew. " +
				"If no aggregate wrote the mark at offset 7 that says so, start aggregate with --skip-other-marks to pass over it",
		},
		"anything else": {other, "other"},
	} {
		work := withAdvice(func(context.Context, stream.Claim) error { return tt.err })
		if got := work(t.Context(), stream.Claim{}); got == nil || got.Error() != tt.want {
			t.Errorf("%s:\n%v, want\n%s", name, got, tt.want)
		}
	}
	if err := withAdvice(func(context.Context, stream.Claim) error { return nil })(t.Context(), stream.Claim{}); err != nil {
		t.Errorf("nothing went wrong, and it says %v", err)
	}
}

// The same holds for errors that Combine returns when it reads a real claim.
func TestAggregateFailsWithTheFlagsThatHelp(t *testing.T) {
	a, err := aggregator.New(aggregator.Config{PartialPartitions: 1})
	if err != nil {
		t.Fatal(err)
	}
	const other = `{"v":1,"window_ms":500,"lateness_ms":10000}`
	for name, tt := range map[string]struct {
		work  func(context.Context, stream.Claim) error
		claim stream.Claim
		want  string
	}{
		"reactions are gone":       {a.Combine, stream.Claim{Partitions: 1, Committed: stream.Commit{Offset: stream.None}, Start: 5, End: 9}, "start aggregate once with --reset-lost"},
		"others counted reactions": {a.Combine, stream.Claim{Partitions: 1, Committed: stream.Commit{Offset: 5, Metadata: other}, End: 9}, "was counted with --window 500ms --lateness 10s and"},
		"others added partials up": {a.Reduce, stream.Claim{Partitions: 1, Committed: stream.Commit{Offset: 5, Metadata: other}, End: 9}, "was written with --window 500ms --lateness 10s and"},
	} {
		if err := withAdvice(tt.work)(t.Context(), tt.claim); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q in it", name, err, tt.want)
		}
	}
}
