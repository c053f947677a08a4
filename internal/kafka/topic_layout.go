package kafka

import (
	"cmp"
	"time"

	"github.com/emostream/emostream/internal/wire"
)

// Layout says with how many partitions and which settings the topics of an
// installation are created. The zero value is the default.
type Layout struct {
	Names wire.Topics
	// Reactions is the number of partitions of emoji-topic, the most combiners
	// that can share the counting; default 4.
	Reactions int
	// Partials is the number of partitions of emoji-partials, the most
	// reducers; default 1.
	Partials int
	// Counts is the number of partitions of emoji-aggregated; default 1.
	Counts int
	// Replication of every topic; default min(3, brokers).
	Replication int
	// Retention of reactions, partials and counts; default 24 h. It must be
	// longer than aggregate is ever away.
	Retention time.Duration
	// ReactionsRetention and CountsRetention are those of emoji-topic and
	// emoji-aggregated; default Retention.
	ReactionsRetention, CountsRetention time.Duration
	// SwarmRetention of the topics of clusters and subscriber servers; default 1 h.
	SwarmRetention time.Duration
	// Lateness of aggregate; default 10 s. Brokers refuse reactions whose time is
	// more than half of it ahead of their clock.
	Lateness time.Duration
}

func (l Layout) withDefaults() Layout {
	if l.Reactions == 0 {
		l.Reactions = 4
	}
	if l.Partials == 0 {
		l.Partials = 1
	}
	if l.Counts == 0 {
		l.Counts = 1
	}
	if l.Retention == 0 {
		l.Retention = 24 * time.Hour
	}
	l.ReactionsRetention = cmp.Or(l.ReactionsRetention, l.Retention)
	l.CountsRetention = cmp.Or(l.CountsRetention, l.Retention)
	if l.SwarmRetention == 0 {
		l.SwarmRetention = time.Hour
	}
	if l.Lateness == 0 {
		l.Lateness = 10 * time.Second
	}
	return l
}

// ReactionsTopic is emoji-topic.
func (l Layout) ReactionsTopic() Topic {
	l = l.withDefaults()
	return Topic{l.Names.Reactions(), l.Reactions, l.Replication, map[string]string{
		"retention.ms": retention(l.ReactionsRetention),
		// The time that the main server sets decides the window, whatever the
		// cluster's default is.
		"message.timestamp.type": "CreateTime",
		// A record from the future would close the windows of all that come after it.
		"message.timestamp.after.max.ms": retention(l.Lateness / 2),
	}}
}

// PartialsTopic is emoji-partials.
func (l Layout) PartialsTopic() Topic {
	l = l.withDefaults()
	return Topic{l.Names.Partials(), l.Partials, l.Replication, map[string]string{"retention.ms": retention(l.Retention)}}
}

// CountsTopic is emoji-aggregated.
func (l Layout) CountsTopic() Topic {
	l = l.withDefaults()
	return Topic{l.Names.Counts(), l.Counts, l.Replication, map[string]string{"retention.ms": retention(l.CountsRetention)}}
}

// ClusterTopic is a cluster's cluster_N.
func (l Layout) ClusterTopic(cluster string) Topic {
	l = l.withDefaults()
	return Topic{l.Names.Cluster(cluster), 1, l.Replication, map[string]string{"retention.ms": retention(l.SwarmRetention)}}
}

// ServerTopic is a subscriber server's sub_N.
func (l Layout) ServerTopic(server string) Topic {
	l = l.withDefaults()
	return Topic{l.Names.Server(server), 1, l.Replication, map[string]string{"retention.ms": retention(l.SwarmRetention)}}
}

// ServersTopic is emostream-servers. It is compacted, and brokers set the time of its
// records, so that its readers can compare clocks.
func (l Layout) ServersTopic() Topic {
	l = l.withDefaults()
	return Topic{l.Names.Servers(), 1, l.Replication, map[string]string{
		"cleanup.policy":            "compact",
		"segment.ms":                retention(10 * time.Minute),
		"min.cleanable.dirty.ratio": "0.1",
		"message.timestamp.type":    "LogAppendTime",
	}}
}
