package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go/protocol"

	"github.com/emostream/emostream/internal/inspect/verify"
	"github.com/emostream/emostream/internal/proof/kafkatest/foreign"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// pipeline starts `emostream up` on a cluster that other programs write to, too. run
// starts it again on the same topics.
func (w ward) pipeline(t *testing.T) (in *installation, run func() *process) {
	t.Helper()
	in = &installation{t: t, names: wire.Topics{Prefix: prefix(t)}}
	run = func() *process {
		in.servers = map[string]string{}
		p := start(t, "up", "--port", "0", "-o", "json", "--log-level", "info", "--subscribers", "2", "--clusters", "1", "--metrics-listen", "127.0.0.1:0",
			"--brokers", strings.Join(w.brokers, ","), "--topic-prefix", in.names.Prefix, "--group-prefix", in.names.Prefix)
		in.read(p.line())
		return p
	}
	return in, run
}

// verified is a report of consume --verify.
type verified struct {
	verify.Report
	Ahead []ahead `json:"ahead"` // in place of that of Report
}

// ahead is a partition whose watermark is ahead of the clock, as reports tell it.
type ahead struct {
	Partition int
	Until     time.Time
}

// verified runs consume --verify, and returns its report and exit code.
func (in *installation) verified(wait time.Duration) (r verified, code int) {
	in.t.Helper()
	cmd := exec.Command(binary, "consume", "--verify", "-o", "json", "--wait", wait.String(),
		"--brokers", strings.Join(in.brokers, ","), "--topic-prefix", in.names.Prefix)
	out, err := cmd.Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		code = failed.ExitCode()
	} else if err != nil {
		in.t.Fatal(err)
	}
	if err := json.Unmarshal(out, &r); err != nil {
		in.t.Fatalf("consume --verify ended with %d and said %q: %v", code, out, err)
	}
	return r, code
}

// agrees fails the test unless consume --verify finds so many reactions, each counted
// once.
func (in *installation) agrees(reactions int64) verified {
	in.t.Helper()
	r, code := in.verified(maxWait)
	if code != 0 || r.Verdict != verify.Agree || r.Reactions != reactions || r.Counted != reactions {
		in.t.Errorf("verify ended with %d: %s, %d reactions, %d counted; want %d", code, r.Verdict, r.Reactions, r.Counted, reactions)
	}
	return r
}

// Records of other programs, tombstones, and batches that cannot be read pass in every
// topic: nothing stops, also when everything is started again, and every reaction before
// and after them is counted and shown.
func TestForeignRecordsPass(t *testing.T) {
	sideBySide(t)
	w := newWard(t)
	in, run := w.pipeline(t)
	p := run()
	before := in.crowd(t.Context(), 200, 4, 0)
	in.checkCounted(before)

	names := in.names
	topics := []string{names.Reactions(), names.Partials(), names.Counts(), names.Cluster("cluster_1"), names.Server("sub1"), names.Servers()}
	bomb := foreign.Zeros(t, 150<<20)
	skipped := map[string]int64{} // by topic, what is skipped for certain
	for _, topic := range topics {
		for _, value := range []string{
			"hello", "{}", "null", `{"mark":{"v":1,"partitions":9223372036854775807,"reducers":1,"window_ms":2000,"lateness_ms":10000}}`,
			`{"mark":{"v":1,"partition":-1,"partitions":4,"reducers":1,"window_ms":2000,"lateness_ms":10000}}`,
			`{"partial":{"v":1,"partition":99,"end":2000,"channel":"main","next":1,"counts":{"🔥":1}}}`,
			strings.Repeat("x", 900_000),
		} {
			w.write(t, topic, "theirs", []byte(value), 0)
			skipped[topic]++
		}
		w.write(t, topic, "theirs", nil, 0)
		for _, batch := range [][]byte{bomb, foreign.Batch(1, protocol.Gzip, []byte("not compressed")), foreign.Batch(3, 0, []byte("not three"))} {
			if err := foreign.Produce(t, w.brokers, topic, 0, batch); err == nil {
				skipped[topic]++
			} else {
				t.Logf("%s: %v", topic, err)
			}
		}
	}
	listeners := map[string]*listener{}
	for name, url := range in.servers {
		listeners[name] = listen(t, url)
	}
	began := time.Now()
	after := in.crowd(t.Context(), 200, 4, time.Second)
	after.add(before)
	in.checkCounted(after)
	for name, l := range listeners {
		until(t, name+" shows what came after", func() error {
			if n := l.total(began.Add(-time.Minute)); n < 200 {
				return fmt.Errorf("%d of 200", n)
			}
			return nil
		})
	}
	if text := get(t, in.metrics); !strings.Contains(p.logs.String(), "records were passed over") ||
		strings.Contains(text, "emostream_aggregate_skipped_records_total 0\n") || strings.Contains(text, "emostream_publish_skipped_records_total 0\n") ||
		strings.Contains(text, "emostream_serve_skipped_records_total 0\n") {
		t.Error("what was passed over is not in the metrics, or not in the log")
	}
	if code := p.stop(); code != 0 {
		t.Fatalf("up ended with %d", code)
	}

	p = run() // from the commits, which lie before some of it
	again := in.crowd(t.Context(), 200, 4, time.Second)
	again.add(after)
	in.checkCounted(again)
	r := in.agrees(again.total)
	if want := skipped[names.Reactions()]; r.Skipped < want || r.Unreadable < skipped[names.Counts()] {
		t.Errorf("verify has skipped %d and %d, want at least %d and %d", r.Skipped, r.Unreadable, want, skipped[names.Counts()])
	}
	wrong, said := patientOf(t, in).examine(t)
	if want := []string{"servers/" + names.Servers()}; !slices.Equal(wrong, want) {
		t.Errorf("doctor finds %v wrong, want %v:\n%s", wrong, want, said)
	}
	for _, topic := range []string{names.Cluster("cluster_1"), names.Server("sub1")} {
		if !strings.Contains(said, "note\ttopics/"+topic+"\tof its last ") {
			t.Errorf("doctor does not name the foreign records of %s:\n%s", topic, said)
		}
	}
	if code := p.stop(); code != 0 {
		t.Errorf("up ended with %d", code)
	}
}

// theirReaction returns a record of emoji-topic with the present time.
func theirReaction(emoji string) stream.Record {
	return stream.Record{Time: time.Now().UnixMilli(), Value: wire.AppendReaction(nil, wire.Reaction{UserID: "theirs", Emoji: emoji, Timestamp: "now"})}
}

// What other programs take back is counted by nobody, what they commit is counted once,
// and while one of them leaves a transaction open everybody says so.
func TestTransactions(t *testing.T) {
	sideBySide(t)
	w := newWard(t)
	in, run := w.pipeline(t)
	run()
	want := map[string]int64{}
	count := func(emoji string, n int64) {
		t.Helper()
		want[emoji] += n
		until(t, "all that was committed is counted", func() error {
			for emoji, n := range want {
				if got, _ := in.counted(); got[emoji] != n {
					return fmt.Errorf("%d %s, want %d", got[emoji], emoji, n)
				}
			}
			return nil
		})
	}
	total := func() (n int64) {
		for _, k := range want {
			n += k
		}
		return n
	}
	topic, id := in.names.Reactions(), "theirs-"+in.names.Prefix

	// Seven are taken back, and three stay.
	theirs := foreign.Begin(t, w.brokers, id)
	theirs.Write(topic, 0, slices.Repeat([]stream.Record{theirReaction("🔥")}, 7)...)
	theirs.Abort()
	theirs.Write(topic, 0, slices.Repeat([]stream.Record{theirReaction("🔥")}, 3)...)
	theirs.Commit()
	count("🔥", 3)
	in.agrees(total())

	// A program crashes after a hundred, and sends them again when it is back.
	hundred := slices.Repeat([]stream.Record{theirReaction("😂")}, 100)
	theirs.Write(topic, 1, hundred...)
	theirs = foreign.Begin(t, w.brokers, id)
	theirs.Write(topic, 1, hundred...)
	theirs.Commit()
	count("😂", 100)
	in.agrees(total())

	// A program counts in aggregate's place, takes a count back, and writes a lower one.
	end := time.Now().Truncate(2 * time.Second)
	theirCount := func(n int64) stream.Record {
		c := wire.Count{Window: wire.Window{Start: end.Add(-2 * time.Second).UnixMilli(), End: end.UnixMilli()}, Emoji: "💯", Channel: "theirs", Count: n, Scaled: 1}
		value, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		return stream.Record{Time: time.Now().UnixMilli(), Value: value}
	}
	theirs.Write(in.names.Counts(), 0, theirCount(7))
	theirs.Abort()
	theirs.Write(in.names.Counts(), 0, theirCount(3))
	theirs.Commit()
	until(t, "the count that was committed is published", func() error {
		if got := in.greatest(t, in.names.Cluster("cluster_1"), "theirs"); got != 3 {
			return fmt.Errorf("%d", got)
		}
		return nil
	})

	// While a transaction is open, nothing behind it is counted, and nobody claims that it
	// is; nothing in other partitions waits.
	in2, run := w.pipeline(t)
	run()
	in, want = in2, map[string]int64{}
	topic = in.names.Reactions()
	theirs.Write(topic, 2, theirReaction("🎉"))
	led := in.crowd(t.Context(), 400, 4, 0)
	if led.failed != nil || led.total == 0 {
		t.Fatalf("%d were taken in, %v", led.total, led.failed)
	}
	behind := in.unstable(t, topic, 2)
	until(t, "all that is not behind it is counted", func() error {
		if _, n := in.counted(); n != led.total-(behind-1) {
			return fmt.Errorf("%d of %d", n, led.total-(behind-1))
		}
		return nil
	})
	r, code := in.verified(5 * time.Second)
	if code != 1 || r.Verdict != verify.Undecided || len(r.Blocked) != 1 || r.Blocked[0].Topic != topic || r.Blocked[0].Partition != 2 || r.Blocked[0].Records != behind || r.Lost+r.Doubled > 0 {
		t.Errorf("verify ended with %d: %s, %+v blocked, %d lost, %d doubled; want it undecided, and %d behind partition 2", code, r.Verdict, r.Blocked, r.Lost, r.Doubled, behind)
	}
	stats, err := exec.Command(binary, "stats", "--from", "0", "-o", "json", "--brokers", strings.Join(in.brokers, ","), "--topic-prefix", in.names.Prefix).Output()
	var read struct{ Reactions, Blocked int64 }
	if err != nil || json.Unmarshal(stats, &read) != nil || read.Reactions != led.total-(behind-1) || read.Blocked != behind {
		t.Errorf("stats: %s, %v; want %d reactions, %d blocked", stats, err, led.total-(behind-1), behind)
	}
	patientOf(t, in).check(t, "topics/"+topic)
	until(t, "a metric tells of it", func() error {
		if text := get(t, in.metrics); strings.Contains(text, "emostream_aggregate_blocked_records 0\n") {
			return errors.New("it is 0")
		}
		return nil
	})
	theirs.Commit()
	led.accepted["🎉"]++
	led.total++
	in.checkCounted(led)
	in.agrees(led.total)
	patientOf(t, in).waitFor(t)
}

// unstable returns how many records of a partition lie behind an open transaction.
func (in *installation) unstable(t *testing.T, topic string, partition int) int64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), maxWait)
	defer cancel()
	c := in.open()
	defer c.Close()
	_, end, err := c.Offsets(ctx, topic, partition)
	if err != nil {
		t.Fatal(err)
	}
	stable, err := c.StableEnd(ctx, topic, partition)
	if err != nil {
		t.Fatal(err)
	}
	return end - stable
}

// greatest returns the greatest total of a channel in a topic of swarms.
func (in *installation) greatest(t *testing.T, topic, channel string) (total int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), maxWait)
	defer cancel()
	c := in.open()
	defer c.Close()
	offset, end, err := c.Offsets(ctx, topic, 0)
	if err != nil {
		t.Fatal(err)
	}
	for r := c.Reader(topic, 0); offset < end; {
		b, err := r.Fetch(ctx, offset, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		for _, rec := range b.Records {
			if s, err := wire.DecodeSwarm(rec.Value); err == nil && s.Channel == channel {
				total = max(total, s.Total)
			}
		}
		offset = b.Next
	}
	return total
}
