package fanout_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server/fanout"
)

// The server skips records that retention has removed, and records that are not swarms.
func TestTopicWithHoles(t *testing.T) {
	for name, first := range map[string]int64{"from the beginning": 0, "after retention": 1000} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := newTopic()
				log.start = first
				in := start(t, log, fanout.Config{})
				in.topic.publish(swarm(1, 1))
				in.topic.change(func() {
					for _, junk := range []string{"", "null", "[]", `{"channel":"a b","window":{"start":"2000-01-01T00:00:00Z","end":"2000-01-01T00:00:02Z"}}`, `{"channel":"main"}`} {
						in.topic.records = append(in.topic.records, stream.Record{Value: []byte(junk)})
					}
				})
				in.topic.publish(swarm(2, 2))
				in.listen(t, "/v1/swarm", "0").hears(t, "retry:2000 "+shorts(1, 2))
			})
		})
	}
}

// A swarm whose window ends further ahead of the clock than the lateness and a minute is
// passed over. It would hide all that follow.
func TestFarWindowsArePassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := start(t, newTopic(), fanout.Config{Lateness: 5 * time.Second})
		end := time.Now().Add(5*time.Second + wire.MaxAhead).UnixMilli()
		for i, ahead := range []int64{-1, 0, 1} {
			s := swarm(1, 1)
			s.Channel, s.Window = fmt.Sprint("c", i), wire.Window{Start: end + ahead - 2000, End: end + ahead}
			in.topic.publish(s)
		}
		synctest.Wait()
		families, err := in.metrics.Gather()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, f := range families {
			if name, ok := strings.CutPrefix(f.GetName(), "emostream_subscribe_"); ok && (name == "swarms_total" || name == "skipped_records_total") {
				got[name] = f.GetMetric()[0].GetCounter().GetValue()
			}
		}
		if diff := cmp.Diff(map[string]float64{"swarms_total": 2, "skipped_records_total": 1}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// The topic may have become shorter since the server asked for its end. Then the server
// has read the recent windows when it reaches the new end.
func TestShorterTopic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newTopic()
		log.publish(swarm(1, 1))
		s := contender(&announcements{}, log, "http://emo")
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan error)
		go func() { ran <- s.Run(ctx, 50, 60, ctx.Done()) }()
		synctest.Wait()
		if err := s.Ready(); err != nil {
			t.Errorf("not ready: %v", err)
		}
		cancel()
		if err := <-ran; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}

// A server whose topic cannot be read returns an error. It does not wait to be drained,
// because its caller drains it only after that error.
func TestTopicFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := start(t, newTopic(), fanout.Config{})
		synctest.Wait()
		broken := errors.New("not authorized")
		in.topic.change(func() { in.topic.broken = broken })
		if err := <-in.ran; !errors.Is(err, broken) || !strings.Contains(err.Error(), "sub_1") {
			t.Errorf("Run = %v", err)
		}
		if e, _ := in.servers.roster.Get("sub1"); e.State != wire.StateGone {
			t.Errorf("announced as %q", e.State)
		}
	})
}
