package stream_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/emostream/emostream/internal/stream"
)

func TestBatchAtEnd(t *testing.T) {
	for name, tt := range map[string]struct {
		batch stream.Batch
		want  bool
	}{
		"an empty log":          {stream.Batch{}, true},
		"one record short":      {stream.Batch{Next: 4, HighWatermark: 5}, false},
		"all read":              {stream.Batch{Next: 5, HighWatermark: 5}, true},
		"read past the answer":  {stream.Batch{Next: 6, HighWatermark: 5}, true},
		"an empty batch at end": {stream.Batch{Next: 5, HighWatermark: 5, Records: nil}, true},
		"an open transaction":   {stream.Batch{Next: 4, HighWatermark: 5, Unstable: 1}, false},
		"one at the very end":   {stream.Batch{Next: 5, HighWatermark: 5, Unstable: 1}, false},
	} {
		if got := tt.batch.AtEnd(); got != tt.want {
			t.Errorf("%s: AtEnd = %v, want %v", name, got, tt.want)
		}
	}
}

func TestBatchBlocked(t *testing.T) {
	for name, tt := range map[string]struct {
		batch stream.Batch
		want  bool
	}{
		"all read":                        {stream.Batch{Next: 9, HighWatermark: 9}, false},
		"one record short":                {stream.Batch{Next: 8, HighWatermark: 9}, false},
		"one before an open transaction":  {stream.Batch{Next: 5, HighWatermark: 9, Unstable: 3}, false},
		"up to an open transaction":       {stream.Batch{Next: 6, HighWatermark: 9, Unstable: 3}, true},
		"an open transaction of all":      {stream.Batch{HighWatermark: 9, Unstable: 9}, true},
		"read past where it was yet open": {stream.Batch{Next: 7, HighWatermark: 9, Unstable: 3}, true},
	} {
		if got := tt.batch.Blocked(); got != tt.want {
			t.Errorf("%s: Blocked = %v, want %v", name, got, tt.want)
		}
	}
}

func TestOutOfRangeErrorSaysWhatThereIs(t *testing.T) {
	err := fmt.Errorf("read: %w", &stream.OutOfRangeError{Topic: "emoji-topic", Partition: 2, Offset: 7, Start: 10, End: 20})
	if want := "read: emoji-topic/2 holds offsets 10 to 20 and 7 was asked for"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	if gone, ok := errors.AsType[*stream.OutOfRangeError](err); !ok || gone.Start != 10 {
		t.Errorf("the error is not found in its chain")
	}
}
