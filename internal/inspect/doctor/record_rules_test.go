package doctor_test

import (
	"testing"

	"github.com/emostream/emostream/internal/inspect/doctor"
)

func TestContents(t *testing.T) {
	ours := doctor.Content{Topic: "emoji-topic", Records: 400}
	foreign := doctor.Content{Topic: "emoji-partials", Records: 100, Foreign: 2, Example: "that of partition 0 at offset 17: not JSON"}
	open := doctor.Content{Topic: "emoji-topic", Records: 9, Open: []doctor.Opened{{Partition: 2, Offset: 100, Records: 50}, {Partition: 3, Offset: 7, Records: 1}}}
	for name, tt := range map[string]struct {
		in   []doctor.Content
		says string
		want []string
	}{
		"nothing but ours":  {[]doctor.Content{ours, {Topic: "sub_1", Records: 7}}, "the last 407 records of 2 topics are ours", nil},
		"foreign records":   {[]doctor.Content{ours, foreign}, "of its last 100 records 2 are not ours, such as that of partition 0 at offset 17: not JSON", []string{"note emoji-partials"}},
		"open transactions": {[]doctor.Content{open}, "is open in partition 2 from offset 100 on: 50 records cannot be read", []string{"wrong emoji-topic", "wrong emoji-topic"}},
	} {
		t.Run(name, func(t *testing.T) { check(t, doctor.Contents(tt.in), tt.says, tt.want...) })
	}
}
