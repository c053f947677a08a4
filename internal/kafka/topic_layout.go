package kafka

import (
	"cmp"
	"time"

	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/internal/wire"
)

// Layout says with how many partitions and which settings the topics of an
// installation are created. The zero value is the default.
type Layout struct {
	Names wire.Topics
	// Reactions is the number of partitions of emoji-topic. No more combiners than that
	// can share the counting. Default 4.
	Reactions int
	// Partials is the number of partitions of emoji-partials. No more reducers than
	// that can share the work. Default 1.
	Partials int
	// Counts is the number of partitions of emoji-aggregated; default 1.
	Counts int
	// Replication is the number of copies of each partition, in every topic; default
	// min(3, brokers).
	Replication int
	// Retention is how long reactions, partials and counts are kept; default 24 h. It
	// must be longer than the longest time for which aggregate is ever stopped.
	Retention time.Duration
	// ReactionsRetention and CountsRetention replace Retention for emoji-topic and
	// emoji-aggregated; default Retention.
	ReactionsRetention, CountsRetention time.Duration
	// ReactionsBytes is how many bytes each partition of emoji-topic keeps at most, so
	// that reactions do not fill the brokers' disks; -1: any number. Default 16 GiB,
	// about 170 million reactions: with four partitions those of 19 hours at 10,000 a
	// second. What is removed before it was counted is lost, so it must be more than
	// comes while aggregate is ever stopped.
	ReactionsBytes int64
	// SwarmRetention is how long the topics of clusters and subscriber servers keep
	// swarms; default 1 h.
	SwarmRetention time.Duration
	// Lateness is the lateness of aggregate; default 10 s. Brokers refuse reactions
	// whose time is ahead of their clock by more than half of it.
	Lateness time.Duration
}

// DefaultReactionsBytes is the default of Layout.ReactionsBytes.
const DefaultReactionsBytes = 16 << 30

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
	l.ReactionsBytes = cmp.Or(l.ReactionsBytes, DefaultReactionsBytes)
	if l.SwarmRetention == 0 {
		l.SwarmRetention = time.Hour
	}
	if l.Lateness == 0 {
		l.Lateness = windowing.DefaultLateness
	}
	return l
}

// ReactionsTopic returns how emoji-topic is created.
func (l Layout) ReactionsTopic() Topic {
	l = l.withDefaults()
	return Topic{Name: l.Names.Reactions(), Partitions: l.Reactions, Replication: l.Replication, MaxBytes: l.ReactionsBytes, Config: map[string]string{
		"retention.ms": retention(l.ReactionsRetention),
		// The time that the main server sets decides the window, whatever the
		// cluster's default is.
		"message.timestamp.type": "CreateTime",
		// A record from the future would close the windows of all that come after it.
		"message.timestamp.after.max.ms": retention(l.Lateness / 2),
	}}
}

// PartialsTopic returns how emoji-partials is created.
func (l Layout) PartialsTopic() Topic {
	l = l.withDefaults()
	return Topic{Name: l.Names.Partials(), Partitions: l.Partials, Replication: l.Replication, Config: map[string]string{"retention.ms": retention(l.Retention)}}
}

// CountsTopic returns how emoji-aggregated is created.
func (l Layout) CountsTopic() Topic {
	l = l.withDefaults()
	return Topic{Name: l.Names.Counts(), Partitions: l.Counts, Replication: l.Replication, Config: map[string]string{"retention.ms": retention(l.CountsRetention)}}
}

// ClusterTopic returns how the topic of a cluster, such as cluster_1, is created.
func (l Layout) ClusterTopic(cluster string) Topic {
	l = l.withDefaults()
	return Topic{Name: l.Names.Cluster(cluster), Partitions: 1, Replication: l.Replication, Config: map[string]string{"retention.ms": retention(l.SwarmRetention)}}
}

// ServerTopic returns how the topic of a subscriber server, such as sub_1, is created.
func (l Layout) ServerTopic(server string) Topic {
	l = l.withDefaults()
	return Topic{Name: l.Names.Server(server), Partitions: 1, Replication: l.Replication, Config: map[string]string{"retention.ms": retention(l.SwarmRetention)}}
}

// ServersTopic returns how emostream-servers is created. It is compacted. Brokers set
// the time of its records, so that its readers know how old a heartbeat is.
func (l Layout) ServersTopic() Topic {
	l = l.withDefaults()
	return Topic{Name: l.Names.Servers(), Partitions: 1, Replication: l.Replication, Config: map[string]string{
		"cleanup.policy":            "compact",
		"segment.ms":                retention(10 * time.Minute),
		"min.cleanable.dirty.ratio": "0.1",
		"message.timestamp.type":    "LogAppendTime",
	}}
}

// ClockTopic returns how emostream-clock is created. Brokers set the time of its records.
// Nobody reads them: the answer to whoever writes one holds the time.
func (l Layout) ClockTopic() Topic {
	l = l.withDefaults()
	return Topic{Name: l.Names.Clock(), Partitions: 1, Replication: l.Replication, Config: map[string]string{
		"retention.ms":           retention(time.Hour),
		"message.timestamp.type": "LogAppendTime",
	}}
}

// ControlsTopic returns how emostream-controls is created. It is compacted, and what is in
// force stays, however old it is. The embedded broker has a retention of its own for
// compacted topics, too, unless they set it.
func (l Layout) ControlsTopic() Topic {
	l = l.withDefaults()
	return Topic{Name: l.Names.Controls(), Partitions: 1, Replication: l.Replication, Config: map[string]string{
		"cleanup.policy":            "compact",
		"min.cleanable.dirty.ratio": "0.1",
		"retention.ms":              retention(RetainForever),
		"retention.bytes":           "-1",
	}}
}
