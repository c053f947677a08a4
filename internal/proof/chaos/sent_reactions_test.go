package chaos_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/proof/chaos"
)

func TestEveryReactionIsCheckedByItsOutcome(t *testing.T) {
	const fire, rocket = "🔥", "🚀"
	tests := []struct {
		name    string
		outcome chaos.Outcome
		log     []string // the emojis of the reaction's records
		wrong   string   // a part of what is wrong; empty: nothing
	}{
		{"acknowledged and there", chaos.Acknowledged, []string{fire}, ""},
		{"acknowledged and not there", chaos.Acknowledged, nil, "not in emoji-topic"},
		{"acknowledged and there twice", chaos.Acknowledged, []string{fire, fire}, "2 times, of at most 1"},
		{"acknowledged and there as another emoji", chaos.Acknowledged, []string{rocket}, "as " + rocket},
		{"in doubt and there", chaos.InDoubt, []string{fire}, ""},
		{"in doubt and not there", chaos.InDoubt, nil, ""},
		{"in doubt and there twice", chaos.InDoubt, []string{fire, fire}, "2 times, of at most 1"},
		{"not written and not there", chaos.NotWritten, nil, ""},
		{"not written and there", chaos.NotWritten, []string{fire}, "1 times, of at most 0"},
		{"never sent and not there", chaos.NeverSent, nil, ""},
		{"never sent and there", chaos.NeverSent, []string{fire}, "1 times, of at most 0"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var sent chaos.SentReactions
			sent.Add(chaos.SentReaction{ID: "c1-000001", Emoji: fire, Outcome: test.outcome})
			sent.Add(chaos.SentReaction{ID: "c1-000002", Emoji: fire, Outcome: chaos.Acknowledged})
			log := []chaos.Written{{UserID: "c1-000002", Emoji: fire}}
			for i, emoji := range test.log {
				log = append(log, chaos.Written{UserID: "c1-000001", Emoji: emoji, Partition: 2, Offset: int64(10 + i)})
			}
			counts, wrong := sent.Check(log)
			want := chaos.OutcomeCounts{}
			want[chaos.Acknowledged]++
			want[test.outcome]++
			if counts != want {
				t.Errorf("the outcomes are %v, want %v", counts, want)
			}
			switch {
			case test.wrong == "" && len(wrong) > 0, test.wrong != "" && len(wrong) != 1:
				t.Errorf("wrong is %q", wrong)
			case test.wrong == "":
			case !strings.Contains(wrong[0], "c1-000001") || !strings.Contains(wrong[0], test.wrong):
				t.Errorf("%q names neither the reaction nor %q", wrong[0], test.wrong)
			}
			for i := range test.log {
				if place := fmt.Sprintf("2:%d", 10+i); len(wrong) > 0 && !strings.Contains(wrong[0], place) {
					t.Errorf("%q does not tell the place %s", wrong[0], place)
				}
			}
		})
	}
}

func TestWhatNobodySentIsWrong(t *testing.T) {
	var sent chaos.SentReactions
	_, wrong := sent.Check([]chaos.Written{{UserID: "ghost", Emoji: "🔥", Partition: 1, Offset: 7}})
	if len(wrong) != 1 || !strings.Contains(wrong[0], "ghost") || !strings.Contains(wrong[0], "1:7") {
		t.Errorf("wrong is %q", wrong)
	}
}

func TestLostAndDoubledAreBoundsOfTheSums(t *testing.T) {
	tests := []struct {
		name                           string
		acknowledged, inDoubt, counted int64
		lost, doubled                  int64
	}{
		{"all is counted", 100, 0, 100, 0, 0},
		{"some is not", 100, 5, 97, 3, 0},
		{"some of what is in doubt is", 100, 5, 103, 0, 0},
		{"all of what is in doubt is", 100, 5, 105, 0, 0},
		{"more than that is", 100, 5, 107, 0, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v := chaos.Verdict{Counted: test.counted}
			v.OutcomeCounts[chaos.Acknowledged], v.OutcomeCounts[chaos.InDoubt] = test.acknowledged, test.inDoubt
			v.OutcomeCounts[chaos.NotWritten] = 1000 // has no effect: such reactions must not be in the log
			if v.Lost() != test.lost || v.Doubled() != test.doubled {
				t.Errorf("%d lost and %d doubled, want %d and %d", v.Lost(), v.Doubled(), test.lost, test.doubled)
			}
		})
	}
}
