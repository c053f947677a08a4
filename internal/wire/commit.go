package wire

// CombinerCommit is the metadata of a commit in emoji-topic.
type CombinerCommit struct {
	Version   int   `json:"v"`
	Watermark int64 `json:"watermark"` // greatest record time before the committed offset, ms
	Closed    int64 `json:"closed"`    // end of the newest window that was closed, ms
	// Emitted is an offset before which every reaction has been emitted, and
	// EmittedWatermark the greatest record time before it: where to go on if
	// retention takes the committed offset away while nobody reacts.
	Emitted          int64 `json:"counted"`
	EmittedWatermark int64 `json:"newest"`
	Settings
}

// ReducerCommit is the metadata of a commit in emoji-partials.
type ReducerCommit struct {
	Version int   `json:"v"`
	Floor   int64 `json:"floor"`   // end of the newest window that every partition had closed, ms
	Emitted int64 `json:"reduced"` // offset before which every partial has been emitted
	Settings
}

// PublisherCommit is the metadata of a commit in emoji-aggregated.
type PublisherCommit struct {
	Version          int     `json:"v"`
	NewestIncomplete int64   `json:"unsigned"`           // greatest end of a window sent that nothing called complete, at most the time then, ms
	Reducers         int     `json:"reducers,omitempty"` // how many speak; 0: none that closes windows
	Closed           []int64 `json:"closed,omitempty"`   // by reducer: end of the newest window it has closed
}
