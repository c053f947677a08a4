package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/inspect/verify"
	"github.com/emostream/emostream/internal/wire"
)

var hour = wire.Window{Start: 1_760_000_000_000, End: 1_760_000_002_000}

func TestPrintVerify(t *testing.T) {
	for name, tt := range map[string]struct {
		report verify.Report
		want   string
	}{
		"all is well": {
			verify.Report{
				Verdict: verify.Agree, Compared: verify.ByWindow, Source: "emoji-partials", Settings: wire.Settings{WindowMS: 2000, LatenessMS: 10000},
				Reactions: 1234567, Counted: 1234560, Open: 7, WindowsOpen: 1, Windows: 617,
				Latest: &verify.Delay{Window: hour, Channel: "room\x1b-1", MS: 1132},
			}, `
reactions    1,234,567  in a.emoji-topic
counted      1,234,560  in a.emoji-aggregated
lost                 0
doubled              0
open                 7  too new to be compared, most of them in 1 open window
windows            617  compared, by --window 2s --lateness 10s (emoji-partials)
latest          1.132s  after the end of window 2025-10-09T08:53:22.000Z (room-1)

verified: every reaction that could be compared was counted once
`,
		},
		"all of everything is well": {
			verify.Report{Verdict: verify.Agree, Compared: verify.ByWindow, Source: "given", Settings: wire.Settings{WindowMS: 60000, LatenessMS: 3600000}, Reactions: 1, Counted: 1, Windows: 1}, `
reactions            1  in a.emoji-topic
counted              1  in a.emoji-aggregated
lost                 0
doubled              0
windows              1  compared, by --window 1m0s --lateness 1h0m0s (given)

verified: every reaction was counted once
`,
		},
		"differences, and what is rare": {
			verify.Report{
				Verdict: verify.Differ, Compared: verify.ByWindow, Source: "given", Settings: wire.Settings{WindowMS: 200, LatenessMS: 1},
				Reactions: 50, Skipped: 1, Late: 2, Counted: 4, Unreadable: 3, Lost: 5, Doubled: 1, LeftOut: 42, WindowsLeftOut: 2, Windows: 3,
				Differences: []verify.Difference{
					{Window: hour, Channel: "main", Emoji: "🔥\x9b", Log: 8, Counted: 3},
					{Window: hour, Channel: "room-1", Emoji: "🎉", Counted: 1},
				},
				More: 1000,
			}, `
reactions           50  in a.emoji-topic
counted              4  in a.emoji-aggregated
lost                 5
doubled              1
left out            42  in 2 windows that retention may have taken something of
skipped              1  records of a.emoji-topic that are no reactions
unread               3  records of a.emoji-aggregated that are no counts
late                 2  in a later window than their own, which was closed
windows              3  compared, by --window 200ms --lateness 1ms (given)

WINDOW'S END              CHANNEL  EMOJI  IN THE LOG  COUNTED  DIFFERENCE
2025-10-09T08:53:22.000Z  main     🔥` + "\uFFFD" + `     8           3        -5
2025-10-09T08:53:22.000Z  room-1   🎉      0           1        +1
and 1,000 more
`,
		},
		"totals beside a Spark job": {
			verify.Report{Verdict: verify.Agree, Compared: verify.ByTotal, Source: "none", Reactions: 9, Counted: 7, Open: 2, Written: wire.Time(hour.End)}, `
reactions            9  in a.emoji-topic
counted              7  in a.emoji-aggregated
lost                 0
doubled              0
open                 2  too new to be compared, most of them later than the newest window in a.emoji-aggregated, which ended at 2025-10-09T08:53:22.000Z
windows              -  not compared, only totals: no aggregate has said in a.emoji-partials what windows it counts by

verified: every reaction that could be compared was counted once
`,
		},
		"totals": {
			verify.Report{
				Verdict: verify.Differ, Compared: verify.ByTotal, Source: "none", Reactions: 2, Counted: 1, Lost: 1,
				Differences: []verify.Difference{{Channel: "main", Emoji: "🔥", Log: 2, Counted: 1}},
			}, `
reactions            2  in a.emoji-topic
counted              1  in a.emoji-aggregated
lost                 1
doubled              0
windows              -  not compared, only totals: no aggregate has said in a.emoji-partials what windows it counts by

WINDOW'S END  CHANNEL  EMOJI  IN THE LOG  COUNTED  DIFFERENCE
all           main     🔥      2           1        -1
`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := printVerify(&out, wire.Topics{Prefix: "a."}, tt.report); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, "\n"+out.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Each verdict has its exit code, and an error that says why and what to do.
func TestVerifyExit(t *testing.T) {
	v := verifyFlags{wait: 3 * time.Second}
	for name, tt := range map[string]struct {
		report verify.Report
		code   int
		want   []string
	}{
		"agree":                      {verify.Report{Verdict: verify.Agree}, exitOK, nil},
		"lost":                       {verify.Report{Verdict: verify.Differ, Lost: 1500, Doubled: 2}, exitUnverified, []string{"1,500 reactions lost, 2 doubled", "--wait 3s"}},
		"doubled":                    {verify.Report{Verdict: verify.Differ, Doubled: 1}, exitUnverified, []string{"1 reaction doubled, none lost"}},
		"windows that go on growing": {verify.Report{Verdict: verify.Undecided, Compared: verify.ByWindow, WindowsUndecided: 2, Windows: 9}, exitFailed, []string{"not decided", "2 windows", "--wait 3s"}},
		"totals that go on growing":  {verify.Report{Verdict: verify.Undecided, Compared: verify.ByTotal, WindowsUndecided: 2}, exitFailed, []string{"not decided", "totals", "verify again when none do"}},
		"only open windows":          {verify.Report{Verdict: verify.Undecided, Compared: verify.ByWindow, Open: 3}, exitFailed, []string{"not decided", "open", "--wait 3s"}},
		"retention took the rest":    {verify.Report{Verdict: verify.Undecided, Compared: verify.ByWindow, LeftOut: 3}, exitFailed, []string{"not decided", "retention"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := v.verifyExit(tt.report)
			code := exitOK
			if err != nil {
				code = exitFailed
			}
			if exit, ok := errors.AsType[*exitError](err); ok {
				code = exit.code
			}
			if code != tt.code {
				t.Errorf("exit code %d, want %d: %v", code, tt.code, err)
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%v, want %q", err, part)
				}
			}
		})
	}
}
