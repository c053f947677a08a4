package wire

import (
	"encoding/json"
	"fmt"
)

// NewerCommitError says that a newer version of the program made a commit.
type NewerCommitError struct{ Version int }

func (e *NewerCommitError) Error() string {
	return fmt.Sprintf("it was made by a newer version of emostream: its format is %d, and this program reads up to %d", e.Version, FormatVersion)
}

// DecodeCommit decodes the metadata of a commit. It returns false if the metadata is
// none of ours. That is so after Kafka's own tools have reset a consumer group. It fails
// with a *NewerCommitError if a newer version of the program made the commit.
func DecodeCommit[M any](metadata string) (meta M, ours bool, err error) {
	var version struct {
		V int `json:"v"`
	}
	_ = json.Unmarshal([]byte(metadata), &version) // what is not JSON has no version
	if version.V > FormatVersion {
		return meta, false, &NewerCommitError{version.V}
	}
	var decoded M
	if ours = version.V > 0 && json.Unmarshal([]byte(metadata), &decoded) == nil; ours {
		meta = decoded
	}
	return meta, ours, nil
}

// CombinerCommit is the metadata of a commit in emoji-topic.
type CombinerCommit struct {
	Version int `json:"v"`
	// Watermark, Pending, Spent, Skipped and Reset are the state before the committed
	// offset, as internal/windowing has it, in ms. Programs that do not know the last four
	// take a far time for right.
	Watermark int64         `json:"watermark"`
	Pending   int64         `json:"pending,omitempty"`
	Spent     []WindowRange `json:"spent_windows,omitempty"`
	Skipped   []WindowRange `json:"skipped_windows,omitempty"`
	Reset     int64         `json:"reset,omitempty"`
	Closed    int64         `json:"closed"` // end of the newest closed window, ms
	// Emitted is an offset before which all reactions have been emitted. Counting goes on
	// there if retention removes the committed offset while nobody reacts.
	// EmittedWatermark, EmittedSpent, EmittedPending, EmittedSkipped and EmittedReset are
	// the state there, and EmittedPendingAt is the offset of the reaction that had the
	// pending time. EmittedDisplaced are the windows after that of the watermark in which
	// reactions before Emitted were counted because their own were spent.
	Emitted          int64         `json:"counted"`
	EmittedWatermark int64         `json:"newest"`
	EmittedSpent     []WindowRange `json:"counted_spent,omitempty"`
	EmittedDisplaced []WindowRange `json:"counted_displaced,omitempty"`
	EmittedPending   int64         `json:"counted_pending_time,omitempty"`
	EmittedPendingAt int64         `json:"counted_pending,omitempty"`
	EmittedSkipped   []WindowRange `json:"counted_skipped,omitempty"`
	EmittedReset     int64         `json:"counted_reset,omitempty"`
	// Cut is the end of the newest window whose first reactions retention has removed
	// before they were committed, ms; 0: there is none that is still open. CutAhead are
	// such windows after it, between which there are others.
	Cut      int64         `json:"cut,omitempty"`
	CutAhead []WindowRange `json:"cut_ahead,omitempty"`
	Settings
}

// ReducerCommit is the metadata of a commit in emoji-partials.
type ReducerCommit struct {
	Version int   `json:"v"`
	Floor   int64 `json:"floor"`   // end of the newest window that is closed in every partition, ms
	Emitted int64 `json:"reduced"` // offset before which all partials have been emitted
	// Open says which windows are open, Counted how far each partition of emoji-topic was
	// counted in what was emitted. They tell, if retention removes partials of open
	// windows, whether a partial that comes later holds more than was emitted.
	Open    []OpenWindows `json:"open,omitempty"`
	Counted []Counted     `json:"counted,omitempty"`
	// Lost are the windows that are open and of which retention has removed partials.
	Lost []WindowRange `json:"lost_windows,omitempty"`
	// Resets are the last resets of watermarks by partition of emoji-topic, as marks tell
	// them. Marks of before a reset must not raise the floor.
	Resets []int64 `json:"resets,omitempty"`
	// TopicID is the id of emoji-topic; empty: not known. Resets and Counted are of that.
	TopicID string `json:"reactions_id,omitempty"`
	// Reopened is the greatest of the marks, as in Closing.
	Reopened int64 `json:"reopened,omitempty"`
	Settings
}

// Counted says that all reactions of a partition of emoji-topic before the offset Next
// that belong to windows up to the one that ends at Newest, in ms, were counted in them.
type Counted struct {
	Next   int64 `json:"next"`
	Newest int64 `json:"newest"`
}

// OpenWindows is about the open windows that end from Oldest to Newest, in ms. The first
// partials of all of them are at the offset From or after it.
type OpenWindows struct {
	From   int64 `json:"from"`
	Oldest int64 `json:"oldest"`
	Newest int64 `json:"newest"`
}

// PublisherCommit is the metadata of a commit in emoji-aggregated.
type PublisherCommit struct {
	Version          int     `json:"v"`
	NewestIncomplete int64   `json:"unsigned"`           // greatest end of a window that was sent before it was called complete, at most the time of sending, ms
	Reducers         int     `json:"reducers,omitempty"` // how many reducers there are; 0: none that reports closed windows
	Closed           []int64 `json:"closed,omitempty"`   // by reducer: end of the newest window that it has closed, ms
	Reopened         []int64 `json:"reopened,omitempty"` // by reducer, as in Closing; none if no reducer tells one
}
