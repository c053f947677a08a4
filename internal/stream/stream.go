// Package stream is a partitioned log as the stages see it: records, batches, commits,
// and claimed partitions.
//
// The stages are written against these few types and know nothing of Kafka. Package
// kafka implements them on real brokers; tests and simulations implement them on a
// slice in memory.
package stream

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Record is one record of a partition.
//
// Time is in ms since the Unix epoch, like the log's own times. The log sets Offset;
// writers ignore it.
type Record struct {
	Offset  int64
	Time    int64
	Key     []byte
	Value   []byte
	Headers []Header
}

// Header is a name and a value that a record has beside its own value.
type Header struct {
	Key   string
	Value []byte
}

// Batch is the result of one fetch. The reader uses its records, and the bytes that
// they point to, again at its next Fetch: copy what must live longer.
//
// It has no records of transactions that were aborted, and none that lie behind the
// first record of a transaction that is still open.
type Batch struct {
	Records       []Record
	Skipped       []Skipped // what is before Next and cannot be read, by offset
	Next          int64     // the offset to fetch next; never below the one that was asked for
	HighWatermark int64     // the offset after the last record, at the time of the broker's answer
	Unstable      int64     // how many offsets before HighWatermark cannot be read yet, because a transaction is open
	SentAt        time.Time // when the fetch was sent, by the clock of this process
}

// Skipped is the offsets from From up to, and without, To: batches that cannot be read,
// now or later.
type Skipped struct {
	From, To int64
	Reason   error
}

// AtEnd says whether the batch ends at the end that the partition had when the broker
// answered. It does not if a transaction was open then.
func (b Batch) AtEnd() bool { return b.Next >= b.HighWatermark && b.Unstable == 0 }

// Blocked says whether everything up to an open transaction was read, and more lies
// behind that.
func (b Batch) Blocked() bool { return b.Unstable > 0 && b.Next >= b.HighWatermark-b.Unstable }

// Reader reads one partition.
type Reader interface {
	// Fetch returns the records from offset on. It waits at most wait for the first
	// one; a batch without records is not an error. It waits until failures that pass
	// are over (a broker that is away, a leader that moves). It returns an
	// *OutOfRangeError if the log does not hold offset, or if the topic was deleted and
	// made anew since the last fetch, and the error of ctx when ctx ends.
	Fetch(ctx context.Context, offset int64, wait time.Duration) (Batch, error)
}

// Writer appends to the partitions of one topic.
type Writer interface {
	// Write appends records to a partition, and returns once all replicas in sync have
	// them. Records of one call are in order, and follow each other in the log if one
	// batch can hold them. Write tries again after failures that pass, so that records
	// may be written twice: it is for snapshots, which merge. It returns the error of
	// ctx when ctx ends, and any other error only if trying again cannot help.
	Write(ctx context.Context, partition int, records []Record) error
}

// Committer stores how far a claimed partition has been processed.
type Committer interface {
	// Commit replaces the partition's commit. It returns ErrFenced if another member
	// has claimed the partition since.
	Commit(ctx context.Context, c Commit) error
}

// Commit is the offset at which the next holder of a partition goes on, and what it
// must know there. Offset is None if nothing was committed yet.
type Commit struct {
	Offset   int64
	Metadata string
}

// None is the offset of a commit that does not exist.
const None int64 = -1

// Claim is one partition of a topic. A member of a consumer group holds it until the
// context that came with it ends.
type Claim struct {
	Topic      string
	Partition  int
	Partitions int    // how many partitions the topic has
	Committed  Commit // the commit of the last holder
	Start, End int64  // the log's first offset, and the one after its last, at the time of the claim
	Log        Reader
	Offsets    Committer
	// TopicIDs are the ids of Topic and of the other topics that the work depends on, by
	// their names: a topic that is deleted and created again has another one. Brokers that
	// have no ids leave them empty.
	TopicIDs map[string]string
}

// Errors of appending and committing, for errors.Is.
var (
	// ErrNotWritten says that a record is certainly not in the log.
	ErrNotWritten = errors.New("not written")
	// ErrInDoubt says that a record may or may not be in the log.
	ErrInDoubt = errors.New("in doubt")
	// ErrFenced says that a claim has passed to another holder.
	ErrFenced = errors.New("the claim has passed to another group member")
)

// OutOfRangeError says that an offset was fetched that the log does not hold, because
// retention has removed it, the log is shorter than it was, or it is another log.
type OutOfRangeError struct {
	Topic      string
	Partition  int
	Offset     int64
	Start, End int64
	Anew       bool // the topic was deleted and made anew: Offset was one of the old log
}

// Replaced says whether Offset may mean another record in this log than in the one that
// was read before: the topic was made anew, or the log has lost its end.
func (e *OutOfRangeError) Replaced() bool { return e.Anew || e.Offset > e.End }

func (e *OutOfRangeError) Error() string {
	if e.Anew {
		return fmt.Sprintf("%s was deleted and made anew, and offset %d of %s/%d was asked for", e.Topic, e.Offset, e.Topic, e.Partition)
	}
	return fmt.Sprintf("%s/%d holds offsets %d to %d and %d was asked for", e.Topic, e.Partition, e.Start, e.End, e.Offset)
}
