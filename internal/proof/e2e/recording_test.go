package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// Recorded reactions can be exported as tables, which hold the same sums. They can be
// replayed a hundred times as fast into another channel, and are counted there as they
// were. With the flag -python, which `make test-python` gives, DuckDB reads the tables;
// without it only the summary of export is compared.
func TestRecording(t *testing.T) {
	sideBySide(t)
	_, in := up(t)
	r := &recording{installation: in, reactions: 40_000, begin: time.Now().Add(-40 * time.Minute), length: 20 * time.Minute}
	r.write()
	r.verify("1m")
	r.export()
	r.replay(10 * time.Minute)
}

// The same holds for a day of reactions. The flag -millions says how many million there
// are, and -hours how many hours of the day are replayed.
func TestDay(t *testing.T) {
	millions, hours := *millions, *hours
	if millions < 1 {
		t.Skip("takes minutes: make test-day")
	}
	if hours < 1 || hours > 24 {
		t.Fatalf("-hours %d: want 1 to 24", hours)
	}
	in := &installation{t: t, servers: map[string]string{}, brokers: []string{"localhost:" + port(free(t))}}
	start(t, "broker", "--listen", in.brokers[0], "--data-dir", t.TempDir(), "--retention-bytes", "34359738368")
	r := &recording{installation: in, reactions: int64(millions) * 1_000_000, begin: time.Now().Add(-25 * time.Hour), length: 24 * time.Hour}
	until(t, "the topics are made", func() error {
		_, err := r.run("topics", "create", "--retention", "72h", "--brokers", in.brokers[0])
		return err
	})
	at := free(t)
	in.main = []string{"http://" + at}
	start(t, "serve", "--listen", at, "--brokers", in.brokers[0])
	start(t, "aggregate", "--brokers", in.brokers[0])
	in.ready()
	r.write()
	r.verify("10m")
	r.export()
	r.replay(time.Duration(hours) * time.Hour)
}

// recording is synthetic reactions in emoji-topic. Their times are spread evenly over
// length, from begin on.
type recording struct {
	*installation
	reactions int64
	begin     time.Time
	length    time.Duration
}

// reaction returns the i-th reaction and its time in milliseconds since 1970.
func (r *recording) reaction(i int64) (at int64, one wire.Reaction) {
	at = r.begin.UnixMilli() + i*r.length.Milliseconds()/r.reactions
	one = wire.Reaction{UserID: fmt.Sprintf("user_%d", i*7919%50_000), Emoji: kinds[i%int64(len(kinds))], Timestamp: wire.Time(at).String()}
	if i%5 == 0 {
		one.Channel = "room-1"
	}
	return at, one
}

// sums returns how many reactions have a time before end: by "channel emoji", and in
// all. It also returns how many users sent them.
func (r *recording) sums(end time.Time) (sums map[string]int64, total, users int64) {
	sums, seen := map[string]int64{}, map[string]bool{}
	for i := range r.reactions {
		at, one := r.reaction(i)
		if at >= end.UnixMilli() {
			break
		}
		if one.Channel == "" {
			one.Channel = wire.MainChannel
		}
		sums[one.Channel+" "+one.Emoji]++
		seen[one.UserID] = true
		total++
	}
	return sums, total, int64(len(seen))
}

// write writes the reactions to emoji-topic, a thousand to each partition in turn.
func (r *recording) write() {
	r.t.Helper()
	c, err := kafka.Open(kafka.Config{Brokers: r.brokers})
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	partitions, err := c.Partitions(r.t.Context(), r.names.Reactions())
	if err != nil {
		r.t.Fatal(err)
	}
	const atOnce = 1000
	began := time.Now()
	for i := int64(0); i < r.reactions; {
		records := make([]stream.Record, 0, atOnce)
		for ; i < r.reactions && len(records) < atOnce; i++ {
			at, one := r.reaction(i)
			records = append(records, stream.Record{Time: at, Value: wire.AppendReaction(nil, one)})
		}
		if err := c.Writer(r.names.Reactions()).Write(r.t.Context(), int(i/atOnce)%partitions, records); err != nil {
			r.t.Fatal(err)
		}
	}
	r.t.Logf("%d reactions over %v were written in %v", r.reactions, r.length, time.Since(began).Round(time.Millisecond))
}

// run runs emostream until it ends, and returns what it printed on stdout.
func (r *recording) run(args ...string) ([]byte, error) {
	var errs bytes.Buffer
	cmd := exec.CommandContext(r.t.Context(), binary, args...)
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, errs.String())
	}
	return out, err
}

// report runs a command on the installation's topics, and decodes its JSON into a
// value.
func (r *recording) report(into any, args ...string) {
	r.t.Helper()
	began := time.Now()
	out, err := r.run(append(args, "-o", "json", "--brokers", strings.Join(r.brokers, ","), "--topic-prefix", r.names.Prefix)...)
	if err == nil {
		err = json.Unmarshal(out, into)
	}
	if err != nil {
		r.t.Fatalf("%v\n%s", err, out)
	}
	r.t.Logf("%s took %v", strings.Join(args, " "), time.Since(began).Round(time.Millisecond))
}

// verify waits until consume --verify says that the log and the counts agree.
func (r *recording) verify(wait string) {
	r.t.Helper()
	var said struct{ Verdict string }
	r.report(&said, "consume", "--verify", "--wait", wait)
	if said.Verdict != "agree" {
		r.t.Fatalf("the counting says %q", said.Verdict)
	}
}

// export exports windows and reactions as tables and compares their sums with the
// recording.
func (r *recording) export() {
	r.t.Helper()
	dir := r.t.TempDir()
	sums, total, users := r.sums(r.begin.Add(r.length))
	tables := map[string]string{}
	for _, what := range []string{"windows", "reactions"} {
		tables[what] = filepath.Join(dir, what+".parquet")
		var sum struct{ Rows, Reactions int64 }
		r.report(&sum, "export", "--what", what, "--out", tables[what])
		if sum.Reactions != total {
			r.t.Errorf("the table of %s holds %d reactions, want %d", what, sum.Reactions, total)
		}
		if info, err := os.Stat(tables[what]); err == nil {
			r.t.Logf("%s: %d rows, %.2f MB", what, sum.Rows, float64(info.Size())/1e6)
		}
	}
	if *python == "" {
		return
	}
	cmd := exec.CommandContext(r.t.Context(), *python, "testdata/python/parquet.py", "--windows", tables["windows"], "--reactions", tables["reactions"])
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		r.t.Fatal(err)
	}
	var read struct {
		Windows, Reactions map[string]int64
		First              int64 `json:"first_ms"`
		Last               int64 `json:"last_ms"`
		Odd, Users, Rows   int64
	}
	if err := json.Unmarshal(out, &read); err != nil {
		r.t.Fatalf("%v\n%s", err, out)
	}
	if !maps.Equal(read.Windows, sums) || !maps.Equal(read.Reactions, sums) || read.Users != users {
		r.t.Errorf("read back:\n%s\nwant %v of %d users", out, sums, users)
	}
	last := r.begin.Add(r.length).UnixMilli()
	if read.Odd != 0 || read.First > r.begin.UnixMilli() || read.First <= r.begin.UnixMilli()-2000 || read.Last < last-2000 || read.Last > last+2000 {
		r.t.Errorf("read back windows from %d to %d, %d of which are not of 2 s", read.First, read.Last, read.Odd)
	}
	r.t.Logf("read back by another program: %d rows of windows, %d users, sums as written", read.Rows, read.Users)
}

// replay replays the first part of the recording into another channel, a hundred times
// as fast, and compares what is counted there with the recording.
func (r *recording) replay(part time.Duration) {
	r.t.Helper()
	const again = "again"
	end := r.begin.Add(part)
	sums, total, users := r.sums(end)
	var sent struct {
		Read, Accepted int64
		TookMS         int64 `json:"took_ms"`
		LateMS         int64 `json:"late_ms"`
	}
	r.report(&sent, "replay", "--from", wire.Time(r.begin.UnixMilli()).String(), "--to", wire.Time(end.UnixMilli()).String(),
		"--speed", "100", "--to-channel", again, "--server", r.main[0])
	if sent.Read != total || sent.Accepted != total {
		r.t.Errorf("replay read %d and sent %d, want %d", sent.Read, sent.Accepted, total)
	}
	if least := part.Milliseconds()/100 - 1000; sent.TookMS < least {
		r.t.Errorf("replay took %d ms, want the recording's %v at a hundred times", sent.TookMS, part)
	}
	r.t.Logf("replayed %v at 100 times: %d in %d ms, late by %d ms at most", part, sent.Accepted, sent.TookMS, sent.LateMS)
	r.verify("1m")

	want := map[string]int64{}
	for name, n := range sums {
		_, emoji, _ := strings.Cut(name, " ")
		want[emoji] += n
	}
	var stats struct {
		Reactions, Users int64
		UsersError       float64 `json:"users_error"`
		Emojis           []struct {
			Emoji     string `json:"emoji_type"`
			Reactions int64
		}
	}
	r.report(&stats, "stats", "--from", "0", "--channel", again, "--top", "1000")
	got := map[string]int64{}
	for _, e := range stats.Emojis {
		got[e.Emoji] = e.Reactions
	}
	if stats.Reactions != total || !maps.Equal(got, want) {
		r.t.Errorf("channel %s got %d: %v, want %d: %v", again, stats.Reactions, got, total, want)
	}
	if off := float64(stats.Users)/float64(users) - 1; off > 4*stats.UsersError || off < -4*stats.UsersError {
		r.t.Errorf("%d users were estimated of %d", stats.Users, users)
	}
	var windows struct{ Reactions int64 }
	r.report(&windows, "export", "--channel", again, "--out", filepath.Join(r.t.TempDir(), "again.csv"))
	if windows.Reactions != total {
		r.t.Errorf("%d of channel %s are in windows, want %d", windows.Reactions, again, total)
	}
}
