package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emostream/emostream/internal/audit"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// session asks a cluster that can be reached.
type session struct {
	Config
	client  *kafka.Client
	cluster kafka.ClusterState
	states  map[string]kafka.TopicState
	mark    wire.Mark     // the newest of aggregate's; zero: there is none
	ahead   time.Duration // this machine's clock, of the brokers'
}

var (
	clusterTopic = regexp.MustCompile(`^cluster_[1-9][0-9]{0,3}$`)
	serverTopic  = regexp.MustCompile(`^sub_[1-9][0-9]{0,3}$`)
)

// topics describes the installation's topics, and finds the newest mark.
func (s *session) topics(ctx context.Context) ([]Topic, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	layout := kafka.Layout{Names: s.Names}
	all := []Topic{
		{Role: Reactions, Want: layout.ReactionsTopic()},
		{Role: Partials, Want: layout.PartialsTopic()},
		{Role: Counts, Want: layout.CountsTopic()},
		{Role: Heartbeats, Want: layout.ServersTopic()},
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
		s.mark, err = audit.NewestMark(ctx, s.client, partials, s.states[partials].Partitions, s.Timeout)
	}
	return all, err
}

// usable says whether a topic can be read.
func (s *session) usable(topic string) bool {
	t := s.states[topic]
	return t.Exists && t.Leaderless == 0
}

// clock compares this machine's with the brokers'.
func (s *session) clock(ctx context.Context) []Finding {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	topic := s.Names.Servers()
	if s.cluster.ID == wire.EmbeddedClusterID {
		l := list{area: areaClock}
		l.ok("clock", "the embedded broker has its machine's")
		return l.all
	}
	if !s.usable(topic) {
		return skipped(areaClock, "clock", topic+" is not there, in which the brokers tell the time")
	}
	ahead, known, err := s.client.Skew(ctx, topic)
	switch {
	case err != nil:
		return failed(areaClock, err)
	case !known:
		return skipped(areaClock, "clock", topic+" does not have the brokers' time in it")
	}
	s.ahead = ahead
	return Clock(ahead, s.MaxSkew)
}

// now is the time by the brokers' clock.
func (s *session) now() time.Time { return time.Now().Add(-s.ahead) }

func (s *session) counting(ctx context.Context, patience time.Duration) []Finding {
	ctx, cancel := context.WithTimeout(ctx, 2*s.Timeout)
	defer cancel()
	reactions, partials, counts := s.Names.Reactions(), s.Names.Partials(), s.Names.Counts()
	for _, topic := range []string{reactions, partials, counts} {
		if !s.usable(topic) {
			return skipped(areaCounting, areaCounting, topic+" is not there, or has no leader")
		}
	}
	c := Counting{
		Reactions: s.states[reactions].Partitions, Partials: s.states[partials].Partitions, Patience: patience,
		Given: wire.Settings{WindowMS: s.Window.Milliseconds(), LatenessMS: s.Lateness.Milliseconds()},
	}
	if s.mark.Version > 0 {
		c.Mark = &s.mark
	}
	newest, _, err := s.newest(ctx, counts, windowOfCount)
	if err == nil {
		c.Other = c.Mark == nil && newest > 0
		c.Combine, err = s.group(ctx, "combine", reactions, func(metadata string) int64 {
			var m wire.CombinerCommit
			_ = json.Unmarshal([]byte(metadata), &m) // of another program: nothing is known
			return m.Counted
		})
	}
	if err == nil {
		c.Reduce, err = s.group(ctx, "reduce", partials, func(metadata string) int64 {
			var m wire.ReducerCommit
			_ = json.Unmarshal([]byte(metadata), &m)
			return m.Reduced
		})
		c.Reduce.Gone, c.Reduce.Beyond = 0, 0 // it says so, and goes on
	}
	if err == nil {
		c.Hops, err = s.hops(ctx)
	}
	if err != nil {
		return failed(areaCounting, err)
	}
	return Count(c)
}

// noGroup is the state of a group that there is not, so that it has no commits.
const noGroup = "Dead"

// group looks at one half of aggregate. done reads from the metadata of a commit
// before which offset all was passed on.
func (s *session) group(ctx context.Context, role, topic string, done func(metadata string) int64) (Group, error) {
	g := Group{Name: s.Group(role), Topic: topic}
	var err error
	if g.GroupState, err = s.settled(ctx, g.Name); err != nil {
		return g, err
	}
	for p := range s.states[topic].Partitions {
		commit := stream.Commit{Offset: stream.None}
		if g.State != noGroup {
			if commit, err = s.client.Committed(ctx, g.Name, topic, p); err != nil {
				return g, err
			}
		}
		start, end, err := s.client.Offsets(ctx, topic, p)
		if err != nil {
			return g, err
		}
		from := int64(0)
		if commit.Offset != stream.None {
			from = max(commit.Offset, done(commit.Metadata))
		}
		g.Gone += max(0, start-from)
		g.Beyond += max(0, commit.Offset-end)
		from = max(from, start)
		if from >= end {
			continue
		}
		g.Waiting += end - from
		at := time.Time{}
		err = s.read(ctx, topic, p, from, from+1, func(r stream.Record) { at = time.UnixMilli(r.Time) })
		if err != nil {
			return g, err
		}
		if !at.IsZero() {
			g.Oldest = max(g.Oldest, s.now().Sub(at))
		}
	}
	return g, nil
}

// settled asks how a group is, again while it is being shared out, which passes.
func (s *session) settled(ctx context.Context, group string) (state kafka.GroupState, err error) {
	err = patiently(ctx, func() (done bool, err error) {
		state, err = s.client.Group(ctx, group)
		return state.Members == 0 || state.State == "Stable", err
	})
	return state, err
}

// patiently calls f until it is done or fails, for as long as what it waits for
// passes by itself.
func patiently(ctx context.Context, f func() (done bool, err error)) error {
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

// hops looks at the steps of publish, in the data's order: to the cluster that is
// least behind, since all are written together and one may be new, and from each
// cluster to its servers.
func (s *session) hops(ctx context.Context) ([]Hop, error) {
	servers, err := s.announced(ctx)
	if err != nil {
		return nil, err
	}
	fed := map[string]bool{} // topics of clusters
	for _, v := range servers {
		if v.Age < roster.Timeout {
			fed[s.Names.Cluster(v.Cluster)] = true
		}
	}
	clusters := s.named(clusterTopic)
	if len(clusters) == 0 {
		return nil, nil // nothing was ever published
	}
	main, err := s.published(ctx, clusters)
	if err != nil {
		return nil, err
	}
	hops := []Hop{main}
	for _, topic := range clusters {
		if !fed[topic] {
			continue
		}
		hops[0].Fed = true
		h := Hop{Group: s.Group("publish-" + strings.TrimPrefix(topic, s.Names.Prefix)), From: topic, Fed: true}
		if h.GroupState, err = s.settled(ctx, h.Group); err != nil {
			return nil, err
		}
		hops = append(hops, h)
	}
	return hops, nil
}

// published looks whether what is counted has gone on to the clusters. Where
// somebody publishes, it gives them a moment.
func (s *session) published(ctx context.Context, clusters []string) (Hop, error) {
	h := Hop{Group: s.Group("publish"), From: s.Names.Counts(), To: clusters[0]}
	var err error
	if h.GroupState, err = s.settled(ctx, h.Group); err != nil {
		return h, err
	}
	counted, written, err := s.newest(ctx, h.From, windowOfCount)
	if err != nil || counted == 0 {
		return h, err
	}
	err = patiently(ctx, func() (done bool, err error) {
		least := int64(math.MaxInt64)
		for _, topic := range clusters {
			shown, _, err := s.newest(ctx, topic, windowOfSwarm)
			if err != nil {
				return false, err
			}
			if shown == 0 && s.forgotten(topic, written) {
				shown = counted
			}
			if counted-shown < least {
				least, h.To = counted-shown, topic
			}
		}
		h.Behind = min(max(0, time.Duration(least)*time.Millisecond), s.now().Sub(time.UnixMilli(counted-s.mark.WindowMS)))
		return h.Behind == 0 || h.Members == 0, nil
	})
	return h, err
}

// forgotten says whether a topic keeps nothing that is so old.
func (s *session) forgotten(topic string, written time.Time) bool {
	ms, err := strconv.ParseInt(s.states[topic].Config["retention.ms"], 10, 64)
	return err == nil && ms >= 0 && s.now().Sub(written) > time.Duration(ms)*time.Millisecond
}

// named lists the installation's usable topics whose own names are like this.
func (s *session) named(like *regexp.Regexp) (topics []string) {
	for name := range s.states {
		if like.MatchString(strings.TrimPrefix(name, s.Names.Prefix)) && s.usable(name) {
			topics = append(topics, name)
		}
	}
	slices.Sort(topics)
	return topics
}

// windowOfCount and windowOfSwarm are the ends of a record's window; 0: it is none.
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

// tail is how many records at the end of a partition tell its newest window.
const tail = 100

// newest returns the end of the newest window at the end of a topic, in ms, and when
// its last record was written; 0: there is none.
func (s *session) newest(ctx context.Context, topic string, window func([]byte) int64) (end int64, written time.Time, err error) {
	for p := range s.states[topic].Partitions {
		start, next, err := s.client.Offsets(ctx, topic, p)
		if err != nil {
			return 0, written, err
		}
		err = s.read(ctx, topic, p, max(start, next-tail), next, func(r stream.Record) {
			if at := time.UnixMilli(r.Time); at.After(written) {
				written = at
			}
			end = max(end, window(r.Value))
		})
		if err != nil {
			return 0, written, err
		}
	}
	return end, written, nil
}

// read hands over what a partition holds from one offset on and before another.
func (s *session) read(ctx context.Context, topic string, partition int, from, to int64, take func(stream.Record)) error {
	for r := s.client.Reader(topic, partition); from < to; {
		b, err := r.Fetch(ctx, from, s.Timeout)
		if err != nil {
			return err
		}
		for _, record := range b.Records {
			if record.Offset < to {
				take(record)
			}
		}
		if b.Next == from && len(b.Records) == 0 {
			return fmt.Errorf("%s/%d: offset %d is not handed out", topic, partition, from)
		}
		from = b.Next
	}
	return nil
}

// servers reads the heartbeats, again while a server may only have missed one, and
// asks each server whether it answers.
func (s *session) servers(ctx context.Context) []Finding {
	ctx, cancel := context.WithTimeout(ctx, 2*s.Timeout)
	defer cancel()
	topic := s.Names.Servers()
	if !s.usable(topic) {
		return skipped(areaServers, areaServers, topic+" is not there, or has no leader")
	}
	var servers []Server
	err := patiently(ctx, func() (done bool, err error) {
		servers, err = s.announced(ctx)
		return !slices.ContainsFunc(servers, func(s Server) bool { return s.Age > roster.Timeout && s.Age < 2*roster.Timeout }), err
	})
	if err != nil {
		return failed(areaServers, err)
	}
	var asking sync.WaitGroup
	for i := range servers {
		v := &servers[i]
		v.Orphan = !s.states[s.Names.Cluster(v.Cluster)].Exists
		asking.Go(func() {
			var health struct{ Status string }
			code, err := get(ctx, strings.TrimSuffix(v.URL, "/")+"/healthz", &health)
			v.Answers = err == nil && code == http.StatusOK && health.Status == "ok"
		})
	}
	asking.Wait()
	return Servers(servers)
}

// announced are the servers that were heard of of late and have not left.
func (s *session) announced(ctx context.Context) ([]Server, error) {
	topic := s.Names.Servers()
	if !s.usable(topic) {
		return nil, nil
	}
	from, err := s.client.OffsetAt(ctx, topic, 0, s.now().Add(-roster.Memory))
	if err != nil {
		return nil, err
	}
	_, end, err := s.client.Offsets(ctx, topic, 0)
	if err != nil {
		return nil, err
	}
	var beats []beat
	err = s.read(ctx, topic, 0, from, end, func(r stream.Record) {
		if status, err := wire.DecodeServerStatus(r.Value); err == nil {
			beats = append(beats, beat{status, time.UnixMilli(r.Time)})
		}
	})
	return lastBeats(beats, s.now()), err
}

// freeBelow is how much room there is where a folder is, or will be.
func freeBelow(dir string) int64 {
	for {
		if n := freeBytes(dir); n >= 0 {
			return n
		}
		up := filepath.Dir(dir)
		if up == dir {
			return -1
		}
		dir = up
	}
}
