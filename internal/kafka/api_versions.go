package kafka

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// requestVersions holds the versions of one kind of request that this package can send.
type requestVersions struct {
	api      protocol.ApiKey
	min, max int16
}

// neededRequests lists the requests that the stages cannot do without. Produce 3 and
// Fetch 4 are the first versions with message format 2. kafka-go sends fixed versions
// of the requests about consumer groups. For all others it agrees on a version with the
// broker.
func neededRequests() []requestVersions {
	list := []requestVersions{
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
		list = append(list, requestVersions{api, api.MinVersion(), api.MaxVersion()})
	}
	return list
}

// UnsupportedRequests asks one broker which versions it supports. It lists the requests
// that the stages need and for which the broker supports no version that they can send,
// such as "JoinGroup 3-9 (needed: 1-2)".
func (c *Client) UnsupportedRequests(ctx context.Context) ([]string, error) {
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
	for _, r := range neededRequests() {
		at := slices.IndexFunc(res.ApiKeys, func(k kafka.ApiVersionsResponseApiKey) bool { return k.ApiKey == int(r.api) })
		switch {
		case at < 0:
			out = append(out, fmt.Sprintf("%v (needed: %d-%d)", r.api, r.min, r.max))
		case res.ApiKeys[at].MaxVersion < int(r.min) || res.ApiKeys[at].MinVersion > int(r.max):
			out = append(out, fmt.Sprintf("%v %d-%d (needed: %d-%d)", r.api, res.ApiKeys[at].MinVersion, res.ApiKeys[at].MaxVersion, r.min, r.max))
		}
	}
	return out, nil
}
