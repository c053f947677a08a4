package wire_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/wire"
)

func TestTopics(t *testing.T) {
	for _, tt := range []struct {
		prefix string
		want   []string
	}{
		{"", []string{"emoji-topic", "emoji-partials", "emoji-aggregated", "emostream-servers", "emostream-clock", "emostream-controls", "cluster_1", "sub_12"}},
		{"demo.", []string{"demo.emoji-topic", "demo.emoji-partials", "demo.emoji-aggregated", "demo.emostream-servers", "demo.emostream-clock", "demo.emostream-controls", "demo.cluster_1", "demo.sub_12"}},
	} {
		n := wire.Topics{Prefix: tt.prefix}
		got := []string{n.Reactions(), n.Partials(), n.Counts(), n.Servers(), n.Clock(), n.Controls(), n.Cluster("cluster_1"), n.Server("sub12")}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("prefix %q (-want +got):\n%s", tt.prefix, diff)
		}
	}
}

func TestServerNumber(t *testing.T) {
	for name, want := range map[string]int{
		"sub1": 1, "sub10": 10, "sub9999": 9999,
		"sub0": 0, "sub10000": 0, "sub01": 0, "sub-1": 0, "sub+1": 0, "sub": 0, "": 0, "1": 0, "Sub1": 0, "subsub1": 0, "sub1 ": 0, " sub1": 0, "sub_1": 0, "sub1.5": 0,
		"sub٣": 0, "sub99999999999999999999": 0,
	} {
		got, err := wire.ServerNumber(name)
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("ServerNumber(%q) = %d, %v; want %d", name, got, err, want)
		}
		if err != nil && !strings.Contains(err.Error(), "use sub1 to sub9999") {
			t.Errorf("ServerNumber(%q): %v, want it to say what is allowed", name, err)
		}
	}
}

func TestCheckTopicName(t *testing.T) {
	for name, want := range map[string]bool{
		"emoji-topic": true, "a": true, "A.b_c-9": true, strings.Repeat("x", 200): true,
		"": false, strings.Repeat("x", 201): false, "a b": false, "a/b": false, "é": false, "a\n": false, "\na": false,
	} {
		err := wire.CheckTopicName(name)
		if (err == nil) != want {
			t.Errorf("CheckTopicName(%q) = %v, want it to be taken: %v", name, err, want)
		}
		if err != nil && !strings.Contains(err.Error(), "1 to 200 of A-Z a-z 0-9 . _ -") {
			t.Errorf("CheckTopicName(%q): %v, want it to say what is allowed", name, err)
		}
	}
}

// PartitionOf never changes: copies of all versions must send a key to the same
// partition.
func TestPartitionOfIsStable(t *testing.T) {
	partitions := [6]int{1, 2, 3, 4, 7, 128}
	for key, want := range map[string][6]int{
		"main":                     {0, 0, 0, 0, 6, 8},
		"":                         {0, 1, 1, 1, 2, 69},
		"fußball":                  {0, 1, 2, 3, 6, 127},
		"stage-2":                  {0, 0, 1, 2, 1, 54},
		"2026-01-02T03:04:04.000Z": {0, 1, 2, 1, 0, 109},
	} {
		var got [6]int
		for i, n := range partitions {
			got[i] = wire.PartitionOf(key, n)
		}
		if got != want {
			t.Errorf("PartitionOf(%q) of %v partitions: %v, want %v", key, partitions, got, want)
		}
	}
}
