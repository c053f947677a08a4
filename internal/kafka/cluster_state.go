package kafka

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/segmentio/kafka-go"
)

// ClusterState is a cluster as its brokers describe it.
type ClusterState struct {
	ID         string
	Controller string // address of the controller; empty: there is none
	Brokers    []Node
}

// Node is a broker with the address that it advertises.
type Node struct {
	ID      int
	Address string // host:port
}

// Cluster asks, once, which brokers the cluster has.
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
