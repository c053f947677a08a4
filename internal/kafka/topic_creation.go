package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
)

// Topic says how a topic is to be created.
type Topic struct {
	Name       string
	Partitions int
	// Replication is the number of copies of each partition; default three, or as
	// many as there are brokers if that is fewer.
	Replication int
	Config      map[string]string // e.g. "retention.ms"
	// MaxBytes bounds how many bytes a partition keeps (retention.bytes); 0: the brokers'
	// default. It is left out on the embedded broker, which bounds its log as a whole.
	MaxBytes int64
}

// retention returns a duration as the value of Kafka's retention.ms.
func retention(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// EnsureTopics creates the topics that do not exist yet and waits until they can be
// used. It leaves existing topics as they are, whatever their settings. Where Config
// does not set min.insync.replicas, it is one below the replication and at least 1.
// EnsureTopics returns the names of the topics that it created.
func (c *Client) EnsureTopics(ctx context.Context, topics ...Topic) (created []string, err error) {
	var brokers brokerSet
	var have map[string]bool
	err = c.retry(ctx, func(ctx context.Context) (err error) {
		brokers, have, err = c.existing(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	var missing []kafka.TopicConfig
	for _, t := range topics {
		if !have[t.Name] {
			missing = append(missing, t.config(brokers))
		}
	}
	if len(missing) == 0 {
		return nil, nil
	}
	err = c.retry(ctx, func(ctx context.Context) error {
		names, err := c.create(ctx, missing)
		created = append(created, names...) // every attempt adds its own: one may create only some of the topics
		return err
	})
	slices.Sort(created)
	return created, err
}

// RetainForever is a retention that removes nothing.
const RetainForever = -1 * time.Millisecond

// SetRetention changes how long existing topics keep their records. topics maps their
// names to that time. It changes no other setting.
func (c *Client) SetRetention(ctx context.Context, topics map[string]time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	req := &kafka.IncrementalAlterConfigsRequest{}
	for _, name := range slices.Sorted(maps.Keys(topics)) {
		req.Resources = append(req.Resources, kafka.IncrementalAlterConfigsRequestResource{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: name,
			Configs: []kafka.IncrementalAlterConfigsRequestConfig{{
				Name: "retention.ms", Value: retention(topics[name]), ConfigOperation: kafka.ConfigOperationSet,
			}},
		})
	}
	res, err := c.api.IncrementalAlterConfigs(ctx, req)
	if err != nil {
		return fmt.Errorf("retain topics: %w", err)
	}
	var errs []error
	for _, r := range res.Resources {
		if r.Error != nil {
			errs = append(errs, fmt.Errorf("retain topic %s: %w", r.ResourceName, adviseACL(r.Error, "AlterConfigs", "topic "+r.ResourceName)))
		}
	}
	return errors.Join(errs...)
}

func (c *Client) create(ctx context.Context, topics []kafka.TopicConfig) (created []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 3*requestTimeout)
	defer cancel()
	res, err := c.api.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: topics})
	if err != nil {
		return nil, fmt.Errorf("create topics: %w", err)
	}
	var errs []error
	for name, err := range res.Errors {
		switch {
		case err == nil:
			created = append(created, name)
		case !errors.Is(err, kafka.TopicAlreadyExists): // another process was quicker
			errs = append(errs, fmt.Errorf("create topic %s: %w", name, adviseACL(err, "Read or Write", "topic "+name+", or Create if it does not exist")))
		}
	}
	return created, errors.Join(errs...)
}

func (t Topic) config(brokers brokerSet) kafka.TopicConfig {
	n := t.Replication
	if n == 0 {
		n = min(3, brokers.count)
	}
	out := kafka.TopicConfig{Topic: t.Name, NumPartitions: t.Partitions, ReplicationFactor: n}
	if _, ok := t.Config["min.insync.replicas"]; !ok {
		out.ConfigEntries = append(out.ConfigEntries,
			kafka.ConfigEntry{ConfigName: "min.insync.replicas", ConfigValue: strconv.Itoa(max(1, n-1))})
	}
	if t.MaxBytes != 0 && !brokers.embedded {
		out.ConfigEntries = append(out.ConfigEntries,
			kafka.ConfigEntry{ConfigName: "retention.bytes", ConfigValue: strconv.FormatInt(t.MaxBytes, 10)})
	}
	for _, k := range slices.Sorted(maps.Keys(t.Config)) {
		out.ConfigEntries = append(out.ConfigEntries, kafka.ConfigEntry{ConfigName: k, ConfigValue: t.Config[k]})
	}
	return out
}
