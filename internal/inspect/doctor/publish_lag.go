package doctor

import (
	"context"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/roster"
)

// hops gathers how far each step of publish is. The first step goes from the counts to
// the clusters; of these it takes the one that is least behind, since all are written
// together, and one may be new. The others go from each cluster to its servers.
func (s *session) hops(ctx context.Context) ([]Hop, error) {
	servers, _, err := s.announced(ctx)
	if err != nil {
		return nil, err
	}
	fed := map[string]bool{} // topics of clusters that have servers alive
	for _, v := range servers {
		if v.Age < roster.Timeout {
			fed[s.Names.Cluster(v.Cluster)] = true
		}
	}
	clusters := s.topicsLike(clusterTopic)
	if len(clusters) == 0 {
		return nil, nil // nothing was published yet
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

// published finds out whether the newest counts have reached the clusters. While
// publish runs, it waits three seconds for that.
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
	err = retry(ctx, func() (done bool, err error) {
		least := int64(math.MaxInt64)
		for _, topic := range clusters {
			shown, _, err := s.newest(ctx, topic, windowOfSwarm)
			if err != nil {
				return false, err
			}
			if shown == 0 && s.expired(topic, written) {
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

// expired says whether the topic's retention is over for records written at written.
func (s *session) expired(topic string, written time.Time) bool {
	ms, err := strconv.ParseInt(s.states[topic].Config["retention.ms"], 10, 64)
	return err == nil && ms >= 0 && s.now().Sub(written) > time.Duration(ms)*time.Millisecond
}

// topicsLike returns the installation's usable topics whose names match like, without
// their prefix.
func (s *session) topicsLike(like *regexp.Regexp) (topics []string) {
	for name := range s.states {
		if like.MatchString(strings.TrimPrefix(name, s.Names.Prefix)) && s.usable(name) {
			topics = append(topics, name)
		}
	}
	slices.Sort(topics)
	return topics
}
