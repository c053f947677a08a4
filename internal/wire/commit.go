package wire

// CombinerCommit is the metadata of a commit in emoji-topic.
type CombinerCommit struct {
	Version   int   `json:"v"`
	Watermark int64 `json:"watermark"` // greatest record time before the committed offset, ms
	Closed    int64 `json:"closed"`    // end of the newest closed window, ms
	// Emitted is an offset before which all reactions have been emitted, and
	// EmittedWatermark the greatest record time before it. Counting goes on there if
	// retention removes the committed offset while nobody reacts.
	Emitted          int64 `json:"counted"`
	EmittedWatermark int64 `json:"newest"`
	Settings
}

// ReducerCommit is the metadata of a commit in emoji-partials.
type ReducerCommit struct {
	Version int   `json:"v"`
	Floor   int64 `json:"floor"`   // end of the newest window that is closed in every partition, ms
	Emitted int64 `json:"reduced"` // offset before which all partials have been emitted
	Settings
}

// PublisherCommit is the metadata of a commit in emoji-aggregated.
type PublisherCommit struct {
	Version          int     `json:"v"`
	NewestIncomplete int64   `json:"unsigned"`           // greatest end of a window that was sent before it was called complete, at most the time of sending, ms
	Reducers         int     `json:"reducers,omitempty"` // how many reducers there are; 0: none that reports closed windows
	Closed           []int64 `json:"closed,omitempty"`   // by reducer: end of the newest window that it has closed, ms
}
