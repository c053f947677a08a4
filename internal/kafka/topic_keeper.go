package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

// recreateDelay is how long a topic must be gone before a TopicKeeper creates it. Who
// deletes a topic to create it anew, with settings of their own, has so long for it.
const recreateDelay = 10 * time.Second

// TopicKeeper watches the topics that a stage has created or found at its start. It logs
// when one is gone, and creates it again if nobody else does, with as many partitions as
// it had. Without it, whoever reads or writes the topic would wait in silence.
type TopicKeeper struct {
	client *Client
	topics []Topic

	mu   sync.Mutex
	gone map[string]*goneTopic // by name
}

// goneTopic is a topic that does not exist.
type goneTopic struct {
	since    time.Time
	warnedAt time.Time // when the log last said that it cannot be created; zero: it did not
}

// NewTopicKeeper returns a keeper of topics. It does nothing before Run.
func NewTopicKeeper(c *Client, topics ...Topic) *TopicKeeper {
	return &TopicKeeper{client: c, topics: slices.Clone(topics), gone: map[string]*goneTopic{}}
}

// Run keeps the topics until ctx ends. Then it returns nil.
func (k *TopicKeeper) Run(ctx context.Context) error {
	for pause(ctx, watchInterval) == nil {
		for i := range k.topics {
			k.look(ctx, &k.topics[i])
		}
	}
	return nil
}

// Err returns an error that names the topics that are gone; nil: none is.
func (k *TopicKeeper) Err() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	var gone []string
	for _, name := range slices.Sorted(maps.Keys(k.gone)) {
		gone = append(gone, fmt.Sprintf("%s (since %s)", name, k.gone[name].since.Format(time.TimeOnly)))
	}
	if gone == nil {
		return nil
	}
	return fmt.Errorf("there is no topic %s: somebody has deleted it", strings.Join(gone, ", "))
}

// look asks for a topic once.
func (k *TopicKeeper) look(ctx context.Context, t *Topic) {
	now, err := k.client.identify(ctx, t.Name)
	log := k.client.cfg.Logger
	k.mu.Lock()
	g := k.gone[t.Name]
	switch {
	case err == nil:
		t.Partitions = now.partitions
		if g != nil {
			delete(k.gone, t.Name)
			log.Info("the topic is there again", "topic", t.Name, "gone", time.Since(g.since).Round(time.Second).String())
		}
	case errors.Is(err, kafka.UnknownTopicOrPartition) && g == nil:
		k.gone[t.Name] = &goneTopic{since: time.Now()}
		log.Warn("a topic is gone: it is created again if nobody does so soon", "topic", t.Name, "in", recreateDelay.String())
	}
	k.mu.Unlock()
	if errors.Is(err, kafka.UnknownTopicOrPartition) && g != nil && time.Since(g.since) >= recreateDelay {
		k.create(ctx, *t, g)
	}
}

// create creates a topic that is gone.
func (k *TopicKeeper) create(ctx context.Context, t Topic, g *goneTopic) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	created, err := k.client.EnsureTopics(ctx, t)
	switch {
	case len(created) > 0:
		k.client.cfg.Logger.Info("created topics", "topics", created)
	case err != nil && time.Since(g.warnedAt) >= warnInterval:
		g.warnedAt = time.Now()
		k.client.cfg.Logger.Warn("a topic is gone, and cannot be created", "topic", t.Name, "error", err)
	}
}
