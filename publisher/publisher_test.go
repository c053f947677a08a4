package publisher_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/publisher"
)

// swarms returns a line for each record of a topic, with times in ms after zero: "at
// <time of the record>: <end of the window> <channel> <total>".
func swarms(t *testing.T, p *topic) (lines []string) {
	t.Helper()
	for _, r := range p.all() {
		s, err := wire.DecodeSwarm(r.Value)
		if err != nil {
			t.Fatal(err)
		}
		if string(r.Key) != s.Channel {
			t.Errorf("a swarm of %s has the key %s", s.Channel, r.Key)
		}
		lines = append(lines, fmt.Sprintf("at %d: %d %s %d", r.Time-zero, s.Window.End-zero, s.Channel, s.Total))
	}
	return lines
}

func put(t *testing.T, p *topic, records ...stream.Record) {
	t.Helper()
	if err := p.Write(t.Context(), 0, records); err != nil {
		t.Fatal(err)
	}
}

func TestMainSendsToEveryCluster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all topics
		p := publisher.New(publisher.Config{Topic: all.writer, Names: wire.Topics{Prefix: "demo."}, Clusters: []string{"cluster_1", "cluster_2"}, Horizon: 2 * time.Second})
		counts := all.get("counts")
		stop := run(t, func(ctx context.Context) error { return p.Main(ctx, counts.claim()) })
		until(2110)
		put(t, counts, count(zero+2000, "main", "🔥", 3), count(zero+2000, "main", "😂", 1, "complete=2"))
		until(2500)
		put(t, counts, count(zero+2000, "a", "🔥", 5)) // nothing calls this window complete
		until(2600)
		put(t, counts, count(zero+2000, "main", "🔥", 4, "complete=1"), stream.Record{Value: []byte("junk")})
		until(9000)
		want := []string{
			"at 2110: 2000 main 4", "at 2600: 2000 main 5", "at 2800: 2000 a 5",
			"at 5000: 4000 main 0", "at 7500: 4000 a 0",
		}
		for _, name := range []string{"demo.cluster_1", "demo.cluster_2"} {
			if diff := cmp.Diff(want, swarms(t, all.get(name))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		stop()
	})
}

func TestMainGoesOnFromItsCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all topics
		p := publisher.New(publisher.Config{Topic: all.writer, Clusters: []string{"cluster_1"}})
		counts := all.get("counts")
		for _, step := range []struct {
			end     int64
			headers []string
		}{{2000, []string{"complete=1"}}, {4000, []string{"complete=1"}}, {6000, []string{"complete=1", fmt.Sprint("closed=0/1:", zero+2000)}}} {
			stop := run(t, func(ctx context.Context) error { return p.Main(ctx, counts.claim()) })
			until(step.end + 100)
			put(t, counts, count(zero+step.end, "main", "🔥", 1, step.headers...))
			synctest.Wait()
			stop()
		}
		if got := counts.claim().Committed.Offset; got != 1 {
			t.Errorf("committed %d, want the first window that is open", got)
		}
		want := []string{
			"at 2100: 2000 main 1",
			"at 2100: 2000 main 1", "at 4100: 4000 main 1", // the second run goes on from the first window, which is still open
			"at 4100: 2000 main 1", "at 4100: 4000 main 1", "at 6100: 6000 main 1",
		}
		if diff := cmp.Diff(want, swarms(t, all.get("cluster_1"))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestMainFails(t *testing.T) {
	broken := errors.New("no such topic")
	for name, tt := range map[string]struct {
		spoil func(counts, cluster *topic)
		is    error
		says  string
	}{
		"when a cluster cannot be written to":   {func(_, cluster *topic) { cluster.fault = broken }, broken, "publish emoji-aggregated/0"},
		"when the claim has passed on":          {func(counts, _ *topic) { counts.fault = stream.ErrFenced }, stream.ErrFenced, "publish emoji-aggregated/0"},
		"when the commit is of a newer version": {func(counts, _ *topic) { counts.commits = []stream.Commit{{Offset: 1, Metadata: `{"v":2}`}} }, nil, "its format is 2"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var all topics
				p := publisher.New(publisher.Config{Topic: all.writer, Clusters: []string{"cluster_1", "cluster_2"}})
				put(t, all.get("counts"), count(zero+2000, "main", "🔥", 1, "complete=1"))
				tt.spoil(all.get("counts"), all.get("cluster_2"))
				err := p.Main(t.Context(), all.get("counts").claim())
				if err == nil || tt.is != nil && !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("Main = %v, want %q", err, tt.says)
				}
			})
		})
	}
}

func TestPublisherMeasures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all topics
		var servers roster.Roster
		servers.Apply(wire.ServerStatus{Name: "sub1", Cluster: "cluster_1", Topic: "sub_1"}, time.Now())
		all.get("sub_1").fault = errors.New("no such topic")
		reg := prometheus.NewRegistry()
		p := publisher.New(publisher.Config{Topic: all.writer, Clusters: []string{"cluster_1"}, Servers: &servers, Metrics: reg})
		put(t, all.get("counts"), count(zero+2000, "main", "🔥", 1, "complete=1"), stream.Record{Value: []byte("junk")}, count(zero+86_400_000, "a", "🔥", 1, "complete=1"), count(zero+2000, "a", "🔥", 1, "complete=1"))
		put(t, all.get("cluster_1"), stream.Record{Value: []byte("junk")})
		counts, swarms := all.get("counts").claim(), all.get("cluster_1").claim()
		counts.Topic, swarms.Topic = "emoji-aggregated", "cluster_1"
		stopMain := run(t, func(ctx context.Context) error { return p.Main(ctx, counts) })
		stopCluster := run(t, func(ctx context.Context) error { return p.Cluster(ctx, "cluster_1", swarms) })
		until(1000)
		if n, err := testutil.GatherAndCount(reg, "emostream_publish_lag_records"); n != 2 || err != nil {
			t.Errorf("it says of %d partitions how far behind they are, want 2 (%v)", n, err)
		}
		stopMain()
		stopCluster()
		if n, err := testutil.GatherAndCount(reg, "emostream_publish_lag_records"); n != 0 || err != nil {
			t.Errorf("it says so of %d partitions that another copy may have now (%v)", n, err)
		}
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, f := range families {
			if c := f.GetMetric()[0].GetCounter(); c != nil {
				got[strings.TrimPrefix(f.GetName(), "emostream_publish_")] = c.GetValue()
			}
		}
		want := map[string]float64{"swarms_total": 2, "skipped_records_total": 3, "server_writes_failed_total": 1}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// Both roles go on at the log's start if the records that they would read next are
// gone.
func TestBothRolesGoOnWhereTheLogBegins(t *testing.T) {
	const main, cluster = `{"v":1,"unsigned":0}`, ""
	for name, tt := range map[string]struct {
		offset int64 // the committed offset
		start  int64 // of the log at the claim; when it is read the start is 1
	}{
		"nothing was committed, records are gone": {stream.None, 1},
		"records after the commit are gone":       {0, 1},
		"the log was made anew":                   {9, 1},
		"records are gone since it was claimed":   {stream.None, 0},
	} {
		claim := func(p *topic, metadata string) stream.Claim {
			p.start = 1
			c := p.claim()
			c.Start, c.Committed = tt.start, stream.Commit{Offset: tt.offset, Metadata: metadata}
			return c
		}
		want := []string{"at 0: 4000 main 1"}
		t.Run("main: "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var all topics
				p := publisher.New(publisher.Config{Topic: all.writer, Clusters: []string{"cluster_1"}})
				put(t, all.get("counts"), count(zero+2000, "main", "🔥", 1, "complete=1"), count(zero+4000, "main", "🔥", 1, "complete=1"))
				stop := run(t, func(ctx context.Context) error { return p.Main(ctx, claim(all.get("counts"), main)) })
				until(1000)
				if diff := cmp.Diff(want, swarms(t, all.get("cluster_1"))); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				stop()
			})
		})
		t.Run("cluster: "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, "sub1")
				put(t, c.get("cluster_1"), swarm(2000, "main", 1), swarm(4000, "main", 1))
				stop := run(t, func(ctx context.Context) error {
					return c.Cluster(ctx, "cluster_1", claim(c.get("cluster_1"), cluster))
				})
				until(1000)
				if diff := cmp.Diff(want, swarms(t, c.get("sub_1"))); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				stop()
			})
		})
	}
}

// A fetch waits until something is due, but at most a second.
func TestMainSleepsWhileNothingHappens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all topics
		p := publisher.New(publisher.Config{Topic: all.writer, Clusters: []string{"cluster_1"}})
		counts := all.get("counts")
		put(t, counts, count(zero+2000, "main", "🔥", 1))
		claim := counts.claim()
		fetches := 0
		claim.Log = fetching(func(ctx context.Context, offset int64, wait time.Duration) (stream.Batch, error) {
			fetches++
			return counts.Fetch(ctx, offset, wait)
		})
		stop := run(t, func(ctx context.Context) error { return p.Main(ctx, claim) })
		until(60_000)
		stop()
		if fetches > 70 {
			t.Errorf("%d fetches in a minute, want about one a second", fetches)
		}
	})
}

type fetching func(ctx context.Context, offset int64, wait time.Duration) (stream.Batch, error)

func (f fetching) Fetch(ctx context.Context, offset int64, wait time.Duration) (stream.Batch, error) {
	return f(ctx, offset, wait)
}
