package doctor_test

import (
	"testing"
	"time"

	"github.com/emostream/emostream/internal/inspect/doctor"
	"github.com/emostream/emostream/internal/inspect/watermark"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/wire"
)

func TestCount(t *testing.T) {
	stable := kafka.GroupState{State: "Stable", Members: 2}
	empty := kafka.GroupState{State: "Empty"}
	type counting = doctor.Counting
	for name, tt := range map[string]struct {
		change func(*counting)
		says   string
		want   []string
	}{
		"all is well":         {func(*counting) {}, "counted with --window 2s --lateness 10s", nil},
		"nothing counted yet": {func(c *counting) { c.Mark = nil }, "", nil},
		"a few wait":          {func(c *counting) { c.Combine.Waiting, c.Combine.Oldest = 7, 12*time.Second }, "7 records waiting", nil},
		"they wait too long": {
			func(c *counting) { c.Combine.Waiting, c.Combine.Oldest = 7, 13*time.Second },
			"behind: 7 records of emoji-topic not counted, the oldest for 13s",
			[]string{"wrong g-combine"},
		},
		"partials wait too long": {
			func(c *counting) { c.Reduce.Waiting, c.Reduce.Oldest = 1, 13*time.Second },
			"1 record of emoji-partials not counted",
			[]string{"wrong g-reduce"},
		},
		"nobody counts what waits": {
			func(c *counting) { c.Combine.Waiting, c.Combine.GroupState, c.Reduce.GroupState = 7, empty, empty },
			"nobody counts, and 7 records of emoji-topic not counted",
			[]string{"wrong g-combine"},
		},
		"nobody counts, and nothing waits": {
			func(c *counting) { c.Combine.GroupState, c.Reduce.GroupState = empty, empty }, "start emostream aggregate", []string{"note g-combine"},
		},
		"it is shared out anew": {func(c *counting) { c.Combine.State = "PreparingRebalance" }, "(PreparingRebalance)", []string{"note g-combine"}},
		"reactions are gone": {
			func(c *counting) { c.Combine.Gone, c.Combine.GroupState = 5, empty },
			"5 records of emoji-topic are gone before they were counted",
			[]string{"wrong g-combine"},
		},
		"a watermark is ahead": {
			func(c *counting) {
				c.Ahead = []watermark.Ahead{{Topic: "emoji-topic", Partition: 2, Until: 1_767_323_046_000}}
			},
			"set the clock, then emostream topics reset-watermark",
			[]string{"wrong watermark"},
		},
		"a reset was interrupted": {
			func(c *counting) { c.Unfinished = []int{0, 3} },
			"a reset of the watermark of emoji-topic was interrupted, in the partitions [0 3]",
			[]string{"wrong reset"},
		},
		"the log is shorter": {
			func(c *counting) { c.Combine.Beyond = 5 }, "it has counted 5 records more than emoji-topic holds", []string{"wrong g-combine"},
		},
		"more partitions": {
			func(c *counting) { c.Reactions, c.Combine.GroupState, c.Combine.Waiting = 6, empty, 9 },
			"emoji-topic has 6 partitions, and had 4 when it was last counted",
			[]string{"wrong partitions"},
		},
		"more reducers": {
			func(c *counting) { c.Partials = 2 }, "emoji-partials has 2 partitions, and had 1", []string{"wrong partitions"},
		},
		"the same settings": {func(c *counting) { c.Given = wire.Settings{WindowMS: 2000, LatenessMS: 10_000} }, "", nil},
		"another window": {
			func(c *counting) { c.Given.WindowMS = 1000 },
			"counting is done with --window 2s --lateness 10s, and the settings here say --window 1s --lateness 10s",
			[]string{"wrong settings"},
		},
		"another lateness": {func(c *counting) { c.Given.LatenessMS = 1000 }, "--lateness 1s", []string{"wrong settings"}},
		"a Spark job counts": {
			func(c *counting) { c.Other, c.Mark, c.Combine.GroupState, c.Combine.Waiting = true, nil, empty, 99 }, "counted by another program", nil,
		},
		"publish is behind": {
			func(c *counting) { c.Hops[0].Behind = 2 * time.Second },
			"behind: the newest window in cluster_1 is 2s older than in emoji-aggregated",
			[]string{"wrong g-publish"},
		},
		"nobody publishes": {
			func(c *counting) {
				c.Hops[0].Behind, c.Hops[0].GroupState, c.Hops[1].GroupState = 2*time.Second, empty, empty
			},
			"nobody publishes what is in emoji-aggregated: the newest",
			[]string{"wrong g-publish"},
		},
		"nobody publishes, and servers are there": {
			func(c *counting) { c.Hops[0].Fed, c.Hops[0].GroupState, c.Hops[1].GroupState = true, empty, empty },
			"start emostream publish",
			[]string{"wrong g-publish"},
		},
		"nobody publishes, and nothing waits": {
			func(c *counting) { c.Hops[0].GroupState, c.Hops[1].GroupState = empty, empty }, "", []string{"note g-publish"},
		},
		"nobody copies to servers": {
			func(c *counting) { c.Hops[1].GroupState = empty }, "nobody publishes what is in cluster_1", []string{"wrong g-publish-cluster_1"},
		},
		"nobody counts, so nobody can publish": {
			func(c *counting) {
				c.Combine.Waiting, c.Combine.GroupState, c.Hops[0].GroupState, c.Hops[0].Fed = 7, empty, empty, true
			},
			"",
			[]string{"wrong g-combine"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := counting{
				Combine:   doctor.Group{GroupState: stable, Name: "g-combine", Topic: "emoji-topic"},
				Reduce:    doctor.Group{GroupState: stable, Name: "g-reduce", Topic: "emoji-partials"},
				Mark:      &wire.Mark{Partitions: 4, Reducers: 1, Settings: wire.Settings{WindowMS: 2000, LatenessMS: 10_000}},
				Reactions: 4, Partials: 1, MaxBehind: 12 * time.Second,
				Hops: []doctor.Hop{
					{GroupState: stable, Group: "g-publish", From: "emoji-aggregated", To: "cluster_1"},
					{GroupState: stable, Group: "g-publish-cluster_1", From: "cluster_1", Fed: true},
				},
			}
			tt.change(&c)
			check(t, doctor.CheckCounting(c), tt.says, tt.want...)
		})
	}
}
