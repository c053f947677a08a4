package doctor

import (
	"context"
	"regexp"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/inspect/topicreader"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// session gathers facts from a Kafka cluster that answers.
type session struct {
	Config
	client  *kafka.Client
	cluster kafka.ClusterState
	states  map[string]kafka.TopicState
	mark    wire.Mark     // the newest mark of aggregate; zero: there is none
	ahead   time.Duration // how far this machine's clock is ahead of the brokers'
}

var (
	clusterTopic = regexp.MustCompile(`^cluster_[1-9][0-9]{0,3}$`)
	serverTopic  = regexp.MustCompile(`^sub_[1-9][0-9]{0,3}$`)
)

// topics gathers the state of all topics of the installation, and the newest mark.
func (s *session) topics(ctx context.Context) ([]Topic, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	layout := kafka.Layout{Names: s.Names}
	all := []Topic{
		{Role: Reactions, Want: layout.ReactionsTopic()},
		{Role: Partials, Want: layout.PartialsTopic()},
		{Role: Counts, Want: layout.CountsTopic()},
		{Role: Heartbeats, Want: layout.ServersTopic()},
		{Role: Times, Want: layout.ClockTopic()},
		{Role: Controls, Want: layout.ControlsTopic()},
	}
	there, err := s.client.Topics(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range there {
		switch own, ours := strings.CutPrefix(name, s.Names.Prefix); {
		case !ours:
		case clusterTopic.MatchString(own):
			all = append(all, Topic{Role: Swarms, Want: layout.ClusterTopic(own)})
		case serverTopic.MatchString(own):
			all = append(all, Topic{Role: Swarms, Want: layout.ServerTopic("sub" + strings.TrimPrefix(own, "sub_"))})
		}
	}
	names := make([]string, len(all))
	for i, t := range all {
		names[i] = t.Want.Name
	}
	states, err := s.client.Describe(ctx, names...)
	if err != nil {
		return nil, err
	}
	s.states = map[string]kafka.TopicState{}
	for i := range all {
		if err := states[i].Forbidden(); err != nil {
			return nil, err
		}
		all[i].TopicState = states[i]
		s.states[states[i].Name] = states[i]
	}
	if partials := s.Names.Partials(); s.usable(partials) {
		s.mark, err = topicreader.NewestMark(ctx, s.client, partials, s.states[partials].Partitions, s.Timeout)
	}
	return all, err
}

// usable says whether a topic can be read.
func (s *session) usable(topic string) bool {
	t := s.states[topic]
	return t.Exists && t.Leaderless == 0
}

// clock compares this machine's clock with the brokers'.
func (s *session) clock(ctx context.Context) []Finding {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	topic := s.Names.Clock()
	if s.cluster.ID == wire.EmbeddedClusterID {
		l := findings{area: areaClock}
		l.ok("clock", "the embedded broker has its machine's")
		return l.all
	}
	if !s.usable(topic) {
		return skipped(areaClock, "clock", topic+" is not there, in which the brokers tell the time")
	}
	ahead, known, err := s.client.ClockSkew(ctx, topic)
	switch {
	case err != nil:
		return failed(areaClock, err)
	case !known:
		return skipped(areaClock, "clock", topic+" does not have the brokers' time in it")
	}
	s.ahead = ahead
	return Clock(ahead, s.MaxSkew)
}

// now returns the time by the brokers' clock.
func (s *session) now() time.Time { return time.Now().Add(-s.ahead) }

// retry calls f every 250 ms until f says that it is done, or returns an error. After
// twelve calls, which take three seconds, it returns nil all the same. It is for states
// that end by themselves within that time.
func retry(ctx context.Context, f func() (done bool, err error)) error {
	const again, most = 250 * time.Millisecond, 12
	t := time.NewTicker(again)
	defer t.Stop()
	for range most {
		if done, err := f(); done || err != nil {
			return err
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// windowOfCount and windowOfSwarm return the end of a record's window, ms; 0 if the
// record is not a count, or not a swarm.
func windowOfCount(value []byte) int64 {
	c, err := wire.DecodeCount(value)
	if err != nil {
		return 0
	}
	return c.Window.End
}

func windowOfSwarm(value []byte) int64 {
	s, err := wire.DecodeSwarm(value)
	if err != nil {
		return 0
	}
	return s.Window.End
}

// tail is how many records at the end of each partition newest reads.
const tail = 100

// newest returns the end, in ms, of the newest window in the last records of a topic,
// and when the last of these records was written. The end is 0 if there is no window.
func (s *session) newest(ctx context.Context, topic string, window func([]byte) int64) (end int64, written time.Time, err error) {
	for p := range s.states[topic].Partitions {
		err := s.cursor(topic, p).ReadLast(ctx, tail, func(records []stream.Record) error {
			for _, r := range records {
				if at := time.UnixMilli(r.Time); at.After(written) {
					written = at
				}
				end = max(end, window(r.Value))
			}
			return nil
		})
		if err != nil {
			return 0, written, err
		}
	}
	return end, written, nil
}

func (s *session) cursor(topic string, partition int) *topicreader.Cursor {
	return topicreader.NewCursor(s.client, topic, partition, s.Timeout)
}

// read calls take for the records of a partition from offset from up to, and without,
// offset to. Records that retention has removed are missing.
func (s *session) read(ctx context.Context, topic string, partition int, from, to int64, take func(stream.Record)) error {
	c := s.cursor(topic, partition)
	c.MoveTo(from)
	return c.Read(ctx, to, func(records []stream.Record) error {
		for _, r := range records {
			take(r)
		}
		return nil
	}, nil)
}
