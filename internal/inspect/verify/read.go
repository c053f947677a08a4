package verify

import (
	"context"

	"github.com/emostream/emostream/internal/inspect/topicreader"
	"github.com/emostream/emostream/internal/stream"
)

// audit reads an installation's topics into a ledger.
type audit struct {
	cfg      Config
	ledger   *Ledger
	source   string            // of the settings
	log      *topicreader.Tail // of emoji-topic
	counts   *topicreader.Tail // of emoji-aggregated
	progress Progress
}

// open looks at the topics and reads the settings.
func open(ctx context.Context, cfg Config) (*audit, error) {
	a := &audit{cfg: cfg}
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
	a.ledger, a.source = NewLedger(settings), source
	a.log, a.counts = a.tail(cfg.Topics.Reactions(), partitions), a.tail(cfg.Topics.Counts(), partitions)
	return a, nil
}

// partitions returns how many partitions each topic has.
func (a *audit) partitions(ctx context.Context) (map[string]int, error) {
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

func (a *audit) tail(topic string, partitions map[string]int) *topicreader.Tail {
	return topicreader.NewTail(a.cfg.Client, topic, partitions[topic], a.cfg.Stall)
}

// readLog reads emoji-topic on to the ends it has now.
func (a *audit) readLog(ctx context.Context) error {
	return a.read(ctx, a.log, a.ledger.Reaction, a.ledger.LogGap)
}

// readCounts reads emoji-aggregated on to the ends it has now.
func (a *audit) readCounts(ctx context.Context) error {
	return a.read(ctx, a.counts, a.ledger.Count, a.ledger.CountsGap)
}

func (a *audit) read(ctx context.Context, topic *topicreader.Tail, take func(int, stream.Record), gap func(int)) error {
	return topic.ReadOn(ctx, func(partition int, records []stream.Record) error {
		for _, r := range records {
			take(partition, r)
		}
		a.tell()
		return nil
	}, gap)
}

// tell tells the caller of the progress.
func (a *audit) tell() {
	log, counts := a.log.Progress(), a.counts.Progress()
	a.progress.Read, a.progress.Known = log.Read+counts.Read, log.Known+counts.Known
	a.cfg.Progress(a.progress)
}
