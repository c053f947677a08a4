package kafka_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// Cluster returns the cluster's id, its brokers with the addresses that clients use, and
// its controller.
func TestCluster(t *testing.T) {
	onEach(t, func(t *testing.T, k cluster) {
		got, err := k.open(t).Cluster(within(t))
		if err != nil {
			t.Fatal(err)
		}
		var addrs []string
		for _, b := range got.Brokers {
			addrs = append(addrs, b.Address)
		}
		if d := cmp.Diff(slices.Sorted(slices.Values(k.brokers)), slices.Sorted(slices.Values(addrs))); d != "" {
			t.Errorf("brokers (-want +got):\n%s", d)
		}
		if !slices.Contains(addrs, got.Controller) || k.embedded != (got.ID == wire.EmbeddedClusterID) || got.ID == "" {
			t.Errorf("the cluster is %+v", got)
		}
	})
}

// UnsupportedRequests returns nothing for brokers that can be used. For a broker that
// is too old or too new it returns the requests that do not fit.
func TestUnspoken(t *testing.T) {
	onEach(t, func(t *testing.T, k cluster) {
		if got, err := k.open(t).UnsupportedRequests(within(t)); err != nil || len(got) > 0 {
			t.Errorf("it does not understand %q, %v", got, err)
		}
		f := newProxy(t, k)
		f.on(kmsg.ApiVersions, func(req kmsg.Request, pass func(kmsg.Request) kmsg.Response) (kmsg.Response, bool) {
			res := pass(req).(*kmsg.ApiVersionsResponse)
			res.ApiKeys = slices.DeleteFunc(res.ApiKeys, func(a kmsg.ApiVersionsResponseApiKey) bool {
				return kmsg.Key(a.ApiKey) == kmsg.SyncGroup
			})
			for i := range res.ApiKeys {
				switch a := &res.ApiKeys[i]; kmsg.Key(a.ApiKey) {
				case kmsg.Produce:
					a.MinVersion, a.MaxVersion = 0, 2 // before message format 2
				case kmsg.JoinGroup:
					a.MinVersion, a.MaxVersion = 3, 9
				}
			}
			return res, false
		})
		got, err := f.open(t).UnsupportedRequests(within(t))
		if err != nil || len(got) != 3 || !strings.HasPrefix(got[0], "Produce 0-2 (needed: 3-") ||
			got[1] != "JoinGroup 3-9 (needed: 1-2)" || got[2] != "SyncGroup (needed: 0-0)" {
			t.Errorf("it does not understand %q, %v", got, err)
		}
	})
}

// A group that nobody has joined is Dead. A group with a member is Stable. A group that
// all members have left is Empty, and keeps its commits.
func TestGroupStates(t *testing.T) {
	onEach(t, func(t *testing.T, k cluster) {
		c, topic, group := k.open(t), k.topic(t, 1, nil), unique(t)
		is := func(want kafka.GroupState) {
			t.Helper()
			eventually(t, func() error {
				got, err := c.Group(within(t), group)
				if err == nil && got != want {
					err = fmt.Errorf("the group is %+v, want %+v", got, want)
				}
				return err
			})
		}
		is(kafka.GroupState{State: "Dead"})
		m := join(t, c, group, topic)
		claim := receive(t, m.claims)
		is(kafka.GroupState{State: "Stable", Members: 1})
		want := stream.Commit{Offset: 7, Metadata: "seven"}
		if err := claim.Offsets.Commit(within(t), want); err != nil {
			t.Fatal(err)
		}
		m.stop()
		is(kafka.GroupState{State: "Empty"})
		if got, err := c.Committed(within(t), group, topic, 0); err != nil || got != want {
			t.Errorf("committed is %+v, %v, want %+v", got, err, want)
		}
	})
}
