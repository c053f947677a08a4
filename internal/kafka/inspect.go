package kafka

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// ClusterState is a cluster as its brokers describe it.
type ClusterState struct {
	ID         string
	Controller string // its address; empty: there is none
	Brokers    []Node
}

// Node is a broker as clients are told to connect to it.
type Node struct {
	ID      int
	Address string // host:port
}

// Cluster asks what the cluster is made of, once.
func (c *Client) Cluster(ctx context.Context) (ClusterState, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	m, err := c.api.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{}})
	if err != nil {
		return ClusterState{}, fmt.Errorf("ask brokers %s for the cluster: %w", strings.Join(c.cfg.Brokers, ","), err)
	}
	s := ClusterState{ID: m.ClusterID}
	for _, b := range m.Brokers {
		s.Brokers = append(s.Brokers, Node{b.ID, net.JoinHostPort(b.Host, strconv.Itoa(b.Port))})
	}
	slices.SortFunc(s.Brokers, func(a, b Node) int { return a.ID - b.ID })
	if m.Controller.Host != "" {
		s.Controller = net.JoinHostPort(m.Controller.Host, strconv.Itoa(m.Controller.Port))
	}
	return s, nil
}

// spoken is a request of Kafka's that this package sends, and the versions of it
// that it can send.
type spoken struct {
	api      protocol.ApiKey
	min, max int16
}

// speaks lists what the stages cannot do without. Produce 3 and Fetch 4 are the
// first with message format 2; kafka-go's groups send the fixed versions that stand
// here, all else negotiates.
func speaks() []spoken {
	list := []spoken{
		{protocol.Produce, 3, protocol.Produce.MaxVersion()},
		{protocol.Fetch, 4, protocol.Fetch.MaxVersion()},
		{protocol.FindCoordinator, 0, 0},
		{protocol.JoinGroup, 1, 2},
		{protocol.SyncGroup, 0, 0},
		{protocol.Heartbeat, 0, 0},
	}
	for _, api := range []protocol.ApiKey{
		protocol.Metadata, protocol.ListOffsets, protocol.CreateTopics, protocol.DescribeConfigs,
		protocol.InitProducerId, protocol.OffsetCommit, protocol.OffsetFetch,
	} {
		list = append(list, spoken{api, api.MinVersion(), api.MaxVersion()})
	}
	return list
}

// Unspoken lists the requests that the stages need and that the broker which
// answers does not take in any version that they can send, such as
// "JoinGroup 3-9 (needed: 1-2)".
func (c *Client) Unspoken(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	res, err := c.api.ApiVersions(ctx, &kafka.ApiVersionsRequest{})
	if err == nil {
		err = res.Error
	}
	if err != nil {
		return nil, fmt.Errorf("ask brokers %s for their versions: %w", strings.Join(c.cfg.Brokers, ","), err)
	}
	var out []string
	for _, s := range speaks() {
		at := slices.IndexFunc(res.ApiKeys, func(k kafka.ApiVersionsResponseApiKey) bool { return k.ApiKey == int(s.api) })
		switch {
		case at < 0:
			out = append(out, fmt.Sprintf("%v (needed: %d-%d)", s.api, s.min, s.max))
		case res.ApiKeys[at].MaxVersion < int(s.min) || res.ApiKeys[at].MinVersion > int(s.max):
			out = append(out, fmt.Sprintf("%v %d-%d (needed: %d-%d)", s.api, res.ApiKeys[at].MinVersion, res.ApiKeys[at].MaxVersion, s.min, s.max))
		}
	}
	return out, nil
}

// GroupState is a consumer group as its coordinator describes it.
type GroupState struct {
	State   string // in Kafka's words: Stable, Empty, PreparingRebalance, …; Dead: there is none
	Members int
}

// Group tells how a consumer group is. One that does not exist is Dead.
func (c *Client) Group(ctx context.Context, group string) (GroupState, error) {
	var s GroupState
	err := c.retry(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		res, err := c.api.DescribeGroups(ctx, &kafka.DescribeGroupsRequest{GroupIDs: []string{group}})
		switch {
		case err != nil:
			return err
		case len(res.Groups) != 1:
			return fmt.Errorf("the broker did not answer for %s", group)
		case res.Groups[0].Error != nil:
			return needs(res.Groups[0].Error, "Describe", "group "+group)
		}
		s = GroupState{res.Groups[0].GroupState, len(res.Groups[0].Members)}
		return nil
	})
	if err != nil {
		return s, fmt.Errorf("describe group %s: %w", group, err)
	}
	return s, nil
}
