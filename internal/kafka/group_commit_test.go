package kafka_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/kafka"
)

// The id of a topic goes into the metadata of a commit and comes out again. Programs that
// do not know it can read the metadata.
func TestTopicIDInCommits(t *testing.T) {
	none, id := strings.Repeat("\x00", 16), "\xff\xfe\xfd0123456789\xff\xff\xff"
	for name, tt := range map[string]struct{ metadata, id, written string }{
		"a stage's":            {`{"v":1,"closed":2000}`, id, `{"v":1,"closed":2000,"topic_id":"__79MDEyMzQ1Njc4Of___w"}`},
		"of a stage without":   {"", id, `{"topic_id":"__79MDEyMzQ1Njc4Of___w"}`},
		"brokers without ids":  {`{"v":1}`, none, `{"v":1}`},
		"nothing at all":       {"", none, ""},
		"another program's":    {"spark", id, "spark"},
		"of another program's": {"{}", id, "{}"},
	} {
		t.Run(name, func(t *testing.T) {
			written, read, readID := kafka.WithTopicID(tt.metadata, tt.id)
			if written != tt.written || read != tt.metadata {
				t.Errorf("written as %q and read as %q, want %q and %q", written, read, tt.written, tt.metadata)
			}
			if has := written != tt.metadata; has && readID != tt.id || !has && readID != none {
				t.Errorf("the id is read as %q", readID)
			}
			if strings.HasPrefix(written, "{") && !json.Valid([]byte(written)) {
				t.Errorf("%s is not JSON", written)
			}
		})
	}
}
