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
	source   string // of the settings
	log      []*cursor
	counts   []*cursor
	progress Progress
}

// cursor is how far a partition was read.
type cursor struct {
	*topicreader.Cursor
	partition int
	known     int64 // offsets before it are in the progress
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
	for topic, to := range map[string]*[]*cursor{cfg.Topics.Reactions(): &a.log, cfg.Topics.Counts(): &a.counts} {
		for p := range partitions[topic] {
			*to = append(*to, a.cursor(topic, p))
		}
	}
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

func (a *audit) cursor(topic string, partition int) *cursor {
	return &cursor{Cursor: topicreader.NewCursor(a.cfg.Client, topic, partition, a.cfg.Stall), partition: partition}
}

// readLog reads emoji-topic on to the ends it has now.
func (a *audit) readLog(ctx context.Context) error {
	return a.read(ctx, a.log, a.ledger.Reaction, a.ledger.LogGap)
}

// readCounts reads emoji-aggregated on to the ends it has now.
func (a *audit) readCounts(ctx context.Context) error {
	return a.read(ctx, a.counts, a.ledger.Count, a.ledger.CountsGap)
}

func (a *audit) read(ctx context.Context, topic []*cursor, take func(int, stream.Record), gap func(int)) error {
	ends := make([]int64, len(topic))
	for i, c := range topic { // all ends first: what is read is what there was at one moment, or later
		start, end, err := c.Ends(ctx)
		if err != nil {
			return err
		}
		if start > c.Next() {
			c.MoveTo(start)
			c.known = max(c.known, start)
			gap(c.partition)
		}
		ends[i] = end
		a.progress.Known += end - c.known
		c.known = end
	}
	for i, c := range topic {
		err := c.Read(ctx, ends[i], func(b stream.Batch) {
			for _, r := range b.Records {
				take(c.partition, r)
			}
			a.progress.Read += int64(len(b.Records))
			a.tell()
		}, func(int64) { gap(c.partition) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *audit) tell() { a.cfg.Progress(a.progress) }
