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
	} {
		if got := tt.batch.AtEnd(); got != tt.want {
			t.Errorf("%s: AtEnd = %v, want %v", name, got, tt.want)
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
