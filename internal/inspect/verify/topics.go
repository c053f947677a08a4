package verify

import (
	"context"
	"time"

	"github.com/emostream/emostream/internal/inspect/topicreader"
	"github.com/emostream/emostream/internal/stream"
)

// reader reads an installation's topics into a comparison.
type reader struct {
	cfg        Config
	comparison *Comparison
	source     string            // where the settings are from, as in Report
	log        *topicreader.Tail // of emoji-topic
	counts     *topicreader.Tail // of emoji-aggregated
	partials   int               // how many partitions emoji-partials has
	progress   Progress
}

// open finds the topics and their partitions, and reads the aggregator's settings.
func open(ctx context.Context, cfg Config) (*reader, error) {
	a := &reader{cfg: cfg}
	ctx, cancel := context.WithTimeout(ctx, 2*cfg.Stall)
	defer cancel()
	partitions, err := a.partitions(ctx)
	if err != nil {
		return nil, err
	}
	settings, source, err := a.settings(ctx, partitions[cfg.Topics.Partials()])
	if err != nil {
		return nil, err
	}
	a.partials = partitions[cfg.Topics.Partials()]
	a.comparison, a.source = NewComparison(settings), source
	a.log, a.counts = a.tail(cfg.Topics.Reactions(), partitions), a.tail(cfg.Topics.Counts(), partitions)
	return a, nil
}

// partitions returns the number of partitions of each topic.
func (a *reader) partitions(ctx context.Context) (map[string]int, error) {
	names := a.cfg.Topics
	states, err := a.cfg.Client.Describe(ctx, names.Reactions(), names.Counts(), names.Partials())
	if err != nil {
		return nil, err
	}
	out := map[string]int{}
	missing := &MissingError{}
	for _, t := range states {
		if err := t.Forbidden(); err != nil {
			return nil, err
		}
		out[t.Name] = t.Partitions
		if !t.Exists && t.Name != names.Partials() {
			missing.Topics = append(missing.Topics, t.Name)
		}
	}
	if len(missing.Topics) > 0 {
		return nil, missing
	}
	return out, nil
}

// addUnread adds to a report what could not be read.
func (a *reader) addUnread(ctx context.Context, r *Report) error {
	r.Skipped += a.log.Progress().Skipped
	r.Unreadable += a.counts.Progress().Skipped
	r.block(blocked(a.log.Unread()), false)
	r.block(blocked(a.counts.Unread()), true)
	if r.Lost == 0 {
		return nil
	}
	for p := range a.partials {
		offset, records, err := topicreader.NewCursor(a.cfg.Client, a.cfg.Topics.Partials(), p, a.cfg.Stall).Blocked(ctx)
		if err != nil {
			return err
		}
		if records > 0 {
			r.block([]Blocked{{a.cfg.Topics.Partials(), p, offset, records}}, true)
		}
	}
	return nil
}

// blocked returns what lies behind open transactions.
func blocked(unread []topicreader.Unread) (parts []Blocked) {
	for _, u := range unread {
		if u.Open {
			parts = append(parts, Blocked{u.Topic, u.Partition, u.From, u.To - u.From})
		}
	}
	return parts
}

func (a *reader) tail(topic string, partitions map[string]int) *topicreader.Tail {
	return topicreader.NewTail(a.cfg.Client, topic, partitions[topic], a.cfg.Stall)
}

// readLog reads emoji-topic from where it was left to its present end.
func (a *reader) readLog(ctx context.Context) error {
	return a.read(ctx, a.log, a.comparison.Reaction, a.comparison.LogGap)
}

// readCounts reads emoji-aggregated from where it was left to its present end.
func (a *reader) readCounts(ctx context.Context) error {
	return a.read(ctx, a.counts, a.comparison.Count, a.comparison.CountsGap)
}

func (a *reader) read(ctx context.Context, topic *topicreader.Tail, take func(int, stream.Record), gap func(int)) error {
	return topic.ReadOn(ctx, func(partition int, records []stream.Record) error {
		a.comparison.Clock(time.Now().UnixMilli())
		for _, r := range records {
			take(partition, r)
		}
		a.reportProgress()
		return nil
	}, gap)
}

// reportProgress tells the caller how far it has read.
func (a *reader) reportProgress() {
	log, counts := a.log.Progress(), a.counts.Progress()
	a.progress.Read, a.progress.Known = log.Read+counts.Read, log.Known+counts.Known
	a.cfg.Progress(a.progress)
}
