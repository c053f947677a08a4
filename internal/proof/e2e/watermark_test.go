package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/inspect/watermark"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// reset is a report of topics reset-watermark.
type reset struct {
	Ahead []ahead
	Reset bool
}

// resetWatermark runs topics reset-watermark, and returns its report.
func (in *installation) resetWatermark(args ...string) (r reset) {
	in.t.Helper()
	args = append(args, "-o", "json", "--brokers", strings.Join(in.brokers, ","), "--topic-prefix", in.names.Prefix, "--group-prefix", in.groups())
	cmd := exec.Command(binary, append([]string{"topics", "reset-watermark"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &r)
	}
	if err != nil {
		in.t.Fatalf("topics reset-watermark: %v: %s", err, out)
	}
	return r
}

// groups returns what is before the names of the consumer groups.
func (in *installation) groups() string {
	if in.names.Prefix == "" {
		return "emostream-"
	}
	return in.names.Prefix
}

// toldAhead waits until /readyz, consume --verify and doctor tell that so many partitions
// are ahead of the clock.
func (in *installation) toldAhead(t *testing.T, partitions int) {
	t.Helper()
	until(t, "everybody tells that watermarks are ahead", func() error {
		if ready := get(t, in.main[0]+"/readyz"); strings.Count(ready, watermark.Command) != partitions {
			return fmt.Errorf("/readyz: %s", ready)
		}
		return nil
	})
	if r, _ := in.verified(0); len(r.Ahead) != partitions || r.Lost > 0 {
		t.Errorf("verify: %+v, want %d partitions ahead", r, partitions)
	}
	if wrong, said := patientOf(t, in).examine(t); strings.Count(said, "counting/watermark") != partitions {
		t.Errorf("doctor finds %v wrong: %s", wrong, said)
	}
}

// shows waits until reactions from now on are shown to a listener soon.
func (in *installation) shows(t *testing.T, total *outcomeCounts) {
	t.Helper()
	began := time.Now()
	l := listen(t, in.servers["sub1"])
	led := in.crowd(t.Context(), 200, 4, time.Second)
	total.add(led)
	l.checkShown(t, "sub1", began, led)
}

// In a topic that takes times that are far ahead: records that are none of ours move
// nothing; one reaction moves nothing; two in a row put their partition's reactions into
// windows of later, everybody says so, and one command mends it.
func TestFarTimes(t *testing.T) {
	sideBySide(t)
	w := newWard(t)
	in, run := w.pipeline(t)
	brokers := strings.Join(w.brokers, ",")
	until(t, "the topics are created", func() error { // the broker has just been started
		out, err := exec.Command(binary, "topics", "create", "--brokers", brokers, "--topic-prefix", in.names.Prefix, "--lateness", "1h", "--clusters", "cluster_1", "--subscribers", "2").CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
	p := run()
	all := &outcomeCounts{accepted: map[string]int64{}}
	in.shows(t, all)

	c := in.open()
	defer c.Close()
	far := func(topic string, partition int, values ...[]byte) {
		t.Helper()
		for i, value := range values {
			r := stream.Record{Time: time.Now().Add(25*time.Minute + time.Duration(i)*time.Second).UnixMilli(), Value: value}
			if err := c.Writer(topic).Write(t.Context(), partition, []stream.Record{r}); err != nil {
				t.Fatal(err)
			}
		}
	}
	reaction := wire.AppendReaction(nil, wire.Reaction{UserID: "theirs", Emoji: "🔥"})
	for partition := range 4 {
		far(in.names.Reactions(), partition, []byte("hello"), nil, []byte("hello"))
	}
	end := time.Now().Add(time.Hour).Truncate(2 * time.Second).UnixMilli()
	count, err := json.Marshal(wire.Count{Window: wire.Window{Start: end - 2000, End: end}, Emoji: "💯", Count: 7, Scaled: 7})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Writer(in.names.Counts()).Write(t.Context(), 0, []stream.Record{{Time: time.Now().UnixMilli(), Value: count}}); err != nil {
		t.Fatal(err)
	}
	in.shows(t, all)
	far(in.names.Reactions(), 1, reaction)
	in.shows(t, all)
	if r := in.resetWatermark(); len(r.Ahead) != 0 || r.Reset {
		t.Fatalf("nothing is ahead, and it was said: %+v", r)
	}

	// Reactions of two partitions are shown later.
	far(in.names.Reactions(), 1, reaction, reaction)
	far(in.names.Reactions(), 3, reaction, reaction, reaction)
	in.toldAhead(t, 2)
	all.add(in.crowd(t.Context(), 200, 4, 0))
	if r := in.resetWatermark("--dry-run"); len(r.Ahead) != 2 || r.Reset {
		t.Fatalf("two are ahead, and it was said: %+v", r)
	}
	in.toldAhead(t, 2)
	r := in.resetWatermark()
	if len(r.Ahead) != 2 || !r.Reset {
		t.Fatalf("two were ahead, and it was said: %+v", r)
	}
	if r := in.resetWatermark("--dry-run"); len(r.Ahead) != 0 {
		t.Errorf("after the reset they are ahead: %+v", r)
	}
	until(t, "the window has begun in which reactions are counted again", func() error {
		for _, p := range r.Ahead {
			if begins := p.Until.Add(-2 * time.Second); time.Now().Before(begins) {
				return fmt.Errorf("it begins at %v", begins)
			}
		}
		return nil
	})
	in.shows(t, all)
	if code := p.stop(); code != 0 {
		t.Fatalf("up ended with %d", code)
	}
	run() // also from the commits
	in.shows(t, all)
	said, code := in.verified(5 * time.Second) // the count of 7 is nobody's
	if code != 4 || len(said.Ahead) > 0 || said.Lost > 0 || said.Doubled > 7 || said.Reactions != all.total+6 {
		t.Errorf("verify ended with %d: %+v, want %d reactions", code, said, all.total+6)
	}
}

// The clock of an embedded broker is an hour ahead for some time, and is set right. Everybody says that reactions
// are shown later, and one command mends it, without losing what was acknowledged.
func TestClockSetBack(t *testing.T) {
	program, dir, broker := buildWrong(t), t.TempDir(), "localhost:"+port(free(t))
	in := &installation{t: t}
	run := func(clock string) *process {
		in.servers = map[string]string{}
		p := startProgram(t, program, []string{"EMOSTREAM_TEST_CLOCK=" + clock}, "up", "--port", "0", "-o", "json", "--log-level", "info",
			"--subscribers", "1", "--clusters", "1", "--data-dir", dir, "--broker-listen", broker)
		in.read(p.line())
		return p
	}
	p := run("0")
	all := in.crowd(t.Context(), 200, 4, 0)
	in.checkCounted(all)
	p.stop()
	p = run("3600")
	all.add(in.crowd(t.Context(), 400, 4, 3*time.Second))
	p.stop()
	p = run("0")
	in.toldAhead(t, 4)
	all.add(in.crowd(t.Context(), 200, 4, 0))
	if r := in.resetWatermark(); len(r.Ahead) != 4 || !r.Reset {
		t.Fatalf("all four were ahead, and it was said: %+v", r)
	}
	in.shows(t, all)
	p.kill() // and after a kill
	p = run("0")
	in.shows(t, all)
	in.agrees(all.total)
	until(t, "nobody tells of it any more", func() error {
		if ready := get(t, in.main[0]+"/readyz"); strings.Contains(ready, "ahead") {
			return errors.New(ready)
		}
		return nil
	})
	patientOf(t, in).waitFor(t)
	p.stop()
}
