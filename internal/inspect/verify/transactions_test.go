package verify_test

import (
	"slices"
	"testing"

	"github.com/emostream/emostream/internal/inspect/verify"
	"github.com/emostream/emostream/internal/proof/kafkatest/foreign"
	"github.com/emostream/emostream/internal/stream"
)

// What a transaction took back is neither in the log nor counted.
func TestAbortedTransactionsAreNotCompared(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.counted()
	theirs := foreign.Begin(t, []string{in.broker}, "theirs")
	theirs.Write(in.names.Reactions(), 0, tap(base+1, "🔥", ""), tap(base+2, "🔥", ""))
	theirs.Write(in.names.Counts(), 0, count(base+2000, "🔥", 7, base+2160, ""))
	theirs.Abort()
	theirs.Write(in.names.Reactions(), 1, tap(base+3, "🔥", ""))
	theirs.Write(in.names.Counts(), 1, count(base+2000, "🔥", 3, base+2170, ""))
	theirs.Commit()
	if r := in.check(); r.Verdict != verify.Agree || r.Reactions != 4 || r.Counted != 4 || len(r.Blocked) > 0 {
		t.Errorf("%s", sums(r))
	}
}

// Behind a transaction that is open nothing is decided, except what is wrong for
// certain.
func TestOpenTransactionsAreUndecided(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		topic   func(in *installation) string
		record  stream.Record
		then    func(in *installation)
		verdict string
	}{
		"in the log": {
			func(in *installation) string { return in.names.Reactions() }, tap(base+1, "🔥", ""), nil, verify.Undecided,
		},
		"in the log, and one before it is lost": {
			func(in *installation) string { return in.names.Reactions() }, tap(base+1, "🔥", ""),
			func(in *installation) { in.write(in.names.Reactions(), 1, tap(base+2, "🎉", "")) }, verify.Differ,
		},
		"in the counts": {
			func(in *installation) string { return in.names.Counts() }, count(base+2000, "🔥", 2, base+2200, ""), nil, verify.Undecided,
		},
		"in the counts, and what seems lost may be behind it": {
			func(in *installation) string { return in.names.Counts() }, count(base+2000, "🔥", 2, base+2200, ""),
			func(in *installation) {
				in.write(in.names.Reactions(), 1, tap(base+2, "🎉", ""))
				in.write(in.names.Counts(), 0, count(base+2000, "🎉", 1, base+2300, ""))
			}, verify.Undecided,
		},
		"in the counts, and one is doubled": {
			func(in *installation) string { return in.names.Counts() }, count(base+2000, "🔥", 2, base+2200, ""),
			func(in *installation) { in.write(in.names.Counts(), 1, count(base+2000, "🎉", 1, base+2300, "")) }, verify.Differ,
		},
		"in the partials, and what seems lost may be behind it": {
			func(in *installation) string { return in.names.Partials() },
			stream.Record{Time: base, Value: []byte("theirs")},
			func(in *installation) { in.write(in.names.Reactions(), 1, tap(base+2, "🎉", "")) }, verify.Undecided,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := install(t)
			in.counted()
			topic := tt.topic(in)
			_, before, err := in.client.Offsets(in.within(), topic, 0)
			if err != nil {
				t.Fatal(err)
			}
			foreign.Begin(t, []string{in.broker}, "theirs").Write(topic, 0, tt.record)
			if tt.then != nil {
				tt.then(in)
			}
			_, end, err := in.client.Offsets(in.within(), topic, 0)
			if err != nil {
				t.Fatal(err)
			}
			r := in.check()
			if want := []verify.Blocked{{Topic: topic, Offset: before, Records: end - before}}; r.Verdict != tt.verdict || !slices.Equal(r.Blocked, want) {
				t.Errorf("%s; blocked %+v; want %s, and %+v", sums(r), r.Blocked, tt.verdict, want)
			}
		})
	}
}
