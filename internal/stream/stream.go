// Package stream is a partitioned log as the stages see it: records, what one
// fetch returned, a commit, and a partition that is claimed for a while.
//
// The stages are written against these few types and know nothing of Kafka.
// Package kafka implements them on real brokers; tests and simulations
// implement them on a slice in memory.
package stream

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Record is one entry of a partition.
//
// Time is in milliseconds since the Unix epoch, the log's own resolution.
// Offset is set by the log and ignored when a record is written.
type Record struct {
	Offset  int64
	Time    int64
	Key     []byte
	Value   []byte
	Headers []Header
}

// Header is a named value beside a record's own.
type Header struct {
	Key   string
	Value []byte
}

// Batch is what one fetch returned. Its records, and the bytes they point to,
// belong to the reader again at its next Fetch: copy what must live longer.
type Batch struct {
	Records       []Record
	Next          int64 // the offset to ask for next, never below the one asked for
	HighWatermark int64 // the offset after the last readable record when the broker answered
	SentAt        time.Time
}

// AtEnd says whether a reader that has taken in the batch has read all that
// was in the partition when the broker answered.
func (b Batch) AtEnd() bool { return b.Next >= b.HighWatermark }

// Reader reads one partition.
type Reader interface {
	// Fetch returns the records from offset on, waiting at most wait for the
	// first one; a batch without records is not an error. Failures that pass
	// (a broker that is away, a leader that moves) are waited out inside. It
	// returns an *OutOfRangeError when the log does not hold offset, and the
	// context's error when that ends.
	Fetch(ctx context.Context, offset int64, wait time.Duration) (Batch, error)
}

// Writer appends to the partitions of one topic.
type Writer interface {
	// Write appends records to a partition, in order and together (records of
	// one call follow each other in the log, unless they are more than one
	// batch holds), and returns once all replicas in sync have them. It tries
	// again while failures pass, so that records may be written twice: it is
	// for snapshots, which merge. It returns the context's error when that
	// ends, and any other error only when trying again cannot help.
	Write(ctx context.Context, partition int, records []Record) error
}

// Committer stores how far a claimed partition has been worked off.
type Committer interface {
	// Commit replaces the partition's commit. It fails with ErrFenced when the
	// claim belongs to somebody else by now.
	Commit(ctx context.Context, c Commit) error
}

// Commit is an offset to go on from, and what must be known there.
// Offset is None where nothing has been committed yet.
type Commit struct {
	Offset   int64
	Metadata string
}

// None is the offset of a commit that does not exist.
const None int64 = -1

// Claim is one partition of a topic, held by a member of a consumer group
// until the context that came with it ends.
type Claim struct {
	Topic      string
	Partition  int
	Partitions int    // how many the topic has
	Committed  Commit // where the last holder got to
	Start, End int64  // the log's first offset, and the one after its last, when claimed
	Log        Reader
	Offsets    Committer
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

// OutOfRangeError is a fetch of an offset that the log does not hold, because
// retention has removed it or the log is shorter than it was.
type OutOfRangeError struct {
	Topic      string
	Partition  int
	Offset     int64
	Start, End int64
}

func (e *OutOfRangeError) Error() string {
	return fmt.Sprintf("%s/%d holds offsets %d to %d and %d was asked for", e.Topic, e.Partition, e.Start, e.End, e.Offset)
}
