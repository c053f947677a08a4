package doctor

import (
	"fmt"

	"github.com/emostream/emostream/internal/controls"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// Content is what the last records of a topic are.
type Content struct {
	Topic   string
	Records int      // how many were looked at
	Foreign int      // how many of them are not ours, or cannot be read
	Example string   // where one of these is, and why it is not ours
	Open    []Opened // transactions that stay open
}

// Opened is a transaction of another program that is open.
type Opened struct {
	Partition       int
	Offset, Records int64 // where it begins, and how many records cannot be read from there on
}

// Contents says whether the topics hold what they are for, and can be read to their
// end.
func Contents(topics []Content) []Finding {
	l := findings{area: areaTopics}
	records := 0
	for _, t := range topics {
		records += t.Records
		for _, o := range t.Open {
			l.wrong(t.Topic, fmt.Sprintf("a transaction of another program is open in partition %d from offset %d on: %s cannot be read", o.Partition, o.Offset, many(int(o.Records), "record")),
				"what is behind it is not counted and not shown until it ends",
				"wait for its time-out, 15 minutes at most, or end it: kafka-transactions.sh find-hanging names it, abort ends it")
		}
		if t.Foreign > 0 {
			l.note(t.Topic, fmt.Sprintf("of its last %s %d are not ours, such as %s", many(t.Records, "record"), t.Foreign, t.Example),
				"another program writes here; what is not ours is passed over", "give that program another topic, and rights on its own topics alone (docs/kafka-security.md)")
		}
	}
	if len(l.all) == 0 {
		l.ok("records", "the last %s of %s are ours", many(records, "record"), many(len(topics), "topic"))
	}
	return l.all
}

// checkRecord returns why a record is not what a topic of a role is for, or nil.
func checkRecord(role Role, r stream.Record) (err error) {
	switch role {
	case Reactions:
		_, err = wire.DecodeCountedFields(r.Value)
		if _, isReset, _ := wire.DecodeWatermarkReset(r.Value); isReset {
			err = nil
		}
	case Partials:
		_, err = wire.DecodeProgress(r.Value)
	case Counts:
		_, err = wire.DecodeCount(r.Value)
	case Swarms:
		_, err = wire.DecodeSwarm(r.Value)
	case Controls:
		err = controls.CheckRecord(r)
	case Heartbeats: // the servers' own check looks at all of them
	}
	return err
}
