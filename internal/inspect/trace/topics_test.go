package trace_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/broker/brokertest"
	"github.com/emostream/emostream/internal/inspect/topicreader"
	"github.com/emostream/emostream/internal/inspect/trace"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// installation is the topics of an installation on an embedded broker. No stage runs.
type installation struct {
	t      *testing.T
	client *kafka.Client
	names  wire.Topics
}

func newInstallation(t *testing.T, topics ...string) *installation {
	t.Helper()
	c, _ := brokertest.Open(t)
	in := &installation{t, c, wire.Topics{Prefix: "py."}}
	in.make(topics...)
	return in
}

func (in *installation) make(topics ...string) {
	in.t.Helper()
	for _, name := range topics {
		partitions := 1
		if name == "emoji-topic" {
			partitions = 2
		}
		if _, err := in.client.EnsureTopics(in.t.Context(), kafka.Topic{Name: in.names.Prefix + name, Partitions: partitions}); err != nil {
			in.t.Fatal(err)
		}
	}
}

func (in *installation) write(topic string, partition int, at int64, values ...string) {
	in.t.Helper()
	for _, v := range values {
		if err := in.client.Writer(in.names.Prefix+topic).Write(in.t.Context(), partition, []stream.Record{{Time: at, Value: []byte(v)}}); err != nil {
			in.t.Error(err)
		}
	}
}

// follow traces until end reactions are done or stuck. It calls begun after Follow has
// begun.
func (in *installation) follow(end int64, note func(string), begun func()) ([]trace.Journey, trace.Report) {
	in.t.Helper()
	ctx, cancel := context.WithTimeout(in.t.Context(), time.Minute)
	defer cancel()
	var once sync.Once
	var done []trace.Journey
	var report trace.Report
	var writing sync.WaitGroup
	defer writing.Wait()
	enough := errors.New("enough")
	err := trace.Follow(ctx, trace.FollowConfig{
		Client: in.client, Topics: in.names, Tracer: trace.Config{End: end}, Note: note,
		See: func(t *trace.Tracer) error {
			once.Do(func() { writing.Go(begun) })
			done = append(done, t.Finished()...)
			if report = t.Report(); t.Ended() {
				return enough
			}
			return nil
		},
	})
	if !errors.Is(err, enough) {
		in.t.Fatalf("%v; %+v", err, report)
	}
	return done, report
}

// Follow works if a Spark job counts, and finds topics that are created while it runs.
func TestFollowWithoutPartials(t *testing.T) {
	t.Parallel()
	in := newInstallation(t, "emoji-topic", "cluster_1", "sub_1")
	was := `{"user_id":"before","emoji_type":"🔥","timestamp":"2024-11-20T10:00:00.123456"}`
	in.write("emoji-topic", 0, time.Now().UnixMilli(), was)
	var said []string
	end := (time.Now().UnixMilli()/2000 + 30) * 2000 // end of a window that begins in about a minute
	done, report := in.follow(2, func(s string) { said = append(said, s) }, func() {
		in.write("emoji-topic", 0, end-1500, `{"user_id":7,"emoji_type":"🔥","timestamp":"2024-11-20T10:00:00.123456"}`, `{}`)
		in.write("emoji-topic", 1, end-1500, `{"user_id":"ann","emoji_type":"🔥","timestamp":"`+wire.Time(end-1510).String()+`"}`)
		in.make("emoji-aggregated")
		window := strings.NewReplacer("Z", "+00:00").Replace(fmt.Sprintf(`{"start":"%s","end":"%s"}`, wire.Time(end-2000), wire.Time(end)))
		in.write("emoji-aggregated", 0, end, `{"window":`+window+`,"emoji_type":"🔥","emoji_count":2,"emoji_count_aggregated":0.2}`)
		swarm := `{"channel":"main","window":` + window + `,"total":2,"emojis":[]}`
		in.write("cluster_1", 0, end, swarm)
		in.write("sub_1", 0, end, swarm)
	})
	for _, j := range done {
		want := []trace.Stage{trace.Logged, trace.WindowEnded, trace.Aggregated, trace.Clustered, trace.Subscribed, trace.Everywhere}
		if j.User == "ann" {
			want = append([]trace.Stage{trace.Accepted}, want...)
		}
		var got []trace.Stage
		sum := int64(0)
		for to := trace.Accepted; to <= trace.Everywhere; to++ {
			if us, ok := j.Hop(to); ok {
				got = append(got, to)
				sum += us
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || sum != j.Total() || j.Stuck {
			t.Errorf("%s: hops to %v of %d µs, want %v of %d µs (stuck: %v)", j.User, got, sum, want, j.Total(), j.Stuck)
		}
	}
	if report.Done != 2 || report.Skipped != 1 || report.Wanted != 2 {
		t.Errorf("%+v", report)
	}
	checkSums(t, report)
	for _, want := range []string{"py.emoji-aggregated does not exist yet", "py.emoji-partials does not exist", "py.emoji-aggregated is there now"} {
		if !strings.Contains(strings.Join(said, "\n"), want) {
			t.Errorf("it said %q, and not %q", said, want)
		}
	}
}

func TestFollowOfNothing(t *testing.T) {
	in := newInstallation(t, "emoji-aggregated")
	err := trace.Follow(t.Context(), trace.FollowConfig{Client: in.client, Topics: in.names, See: func(*trace.Tracer) error { return nil }})
	if missing, ok := errors.AsType[*topicreader.MissingError](err); !ok || missing.Topic != "py.emoji-topic" {
		t.Errorf("got %v", err)
	}
}

// The records before the start decide which servers are waited for, and whether there
// are partials.
func TestFollowLooksBack(t *testing.T) {
	in := newInstallation(t, "emoji-topic", "emoji-partials", "emoji-aggregated", "sub_1", "sub_2")
	now := time.Now().UnixMilli()
	end := (now/2000 + 30) * 2000
	past := fmt.Sprintf(`{"start":"%s","end":"%s"}`, wire.Time(end-68000), wire.Time(end-66000))
	in.write("sub_1", 0, now, `{"channel":"main","window":`+past+`,"total":2,"emojis":[]}`)
	in.write("emoji-aggregated", 0, now, `{"window":`+past+`,"emoji_type":"🔥","emoji_count":2}`)
	in.write("emoji-partials", 0, now-3_600_000, `{"mark":{"v":1,"partitions":1,"reducers":1,"window_ms":2000,"lateness_ms":10000}}`)
	var said []string
	done, _ := in.follow(1, func(s string) { said = append(said, s) }, func() {
		in.write("emoji-topic", 0, end-1500, `{"user_id":"ann","emoji_type":"🔥"}`)
		window := fmt.Sprintf(`{"start":"%s","end":"%s"}`, wire.Time(end-2000), wire.Time(end))
		in.write("emoji-aggregated", 0, end, `{"window":`+window+`,"emoji_type":"🔥","emoji_count":1}`)
		in.write("sub_1", 0, end, `{"channel":"main","window":`+window+`,"total":1,"emojis":[]}`)
	})
	if len(done) != 1 || done[0].At[trace.Everywhere] == 0 {
		t.Errorf("%+v", done)
	}
	for _, want := range []string{"not waited for, since nothing is written there: py.sub_2", "py.emoji-partials is silent, and py.emoji-aggregated is not"} {
		if !strings.Contains(strings.Join(said, "\n"), want) {
			t.Errorf("it said %q, and not %q", said, want)
		}
	}
}
