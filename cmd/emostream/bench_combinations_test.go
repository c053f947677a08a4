package main

import (
	"bytes"
	"strings"
	"testing"
)

// Flags that say nothing beside the others are refused, with what to do, before anything
// is sent.
func TestBenchCombinations(t *testing.T) {
	t.Setenv("EMOSTREAM_CONFIG", "")
	const service = "--post-url http://127.0.0.1:1/pub "
	for args, want := range map[string]string{
		service + "--stream-url http://127.0.0.1:1/sub --match a(": `--match "a(": it is no regular expression: missing closing ) in "a("`,
		"--duration 0s":                                       "--duration 0: more than 0 is wanted",
		"--timeout 0s --connections 0":                        "--connections 0, --timeout 0: more than 0 is wanted",
		"--seed 0":                                            "--seed 0: more than 0 is wanted",
		"--stages 1s:5 --rate 4":                              "--rate, --stages and --burst each say how much is sent when: give one",
		"--stages 1s:5 --burst 1s:2":                          "give one",
		"--stream-url http://127.0.0.1:1":                     "--stream-url goes with --post-url",
		"--post-body x":                                       "--post-body goes with --post-url",
		"--post-type text/plain":                              "--post-type goes with --post-url",
		"--match x":                                           "--match goes with --post-url",
		service + "--match x":                                 "--match goes with --stream-url",
		service + "--stalled 5":                               "--stalled goes with --stream-url",
		service + "--slow 5:100":                              "--slow goes with --stream-url",
		service + "--mute 5":                                  "--mute goes with --stream-url",
		service + "--churn 5":                                 "--churn goes with --stream-url",
		service + "--arrive 1s":                               "--arrive goes with --stream-url",
		service + "--batch 2":                                 "--batch is for a server of Emostream: leave it out",
		service + "--channels 2":                              "--channels is for a server of Emostream: leave it out",
		"--threshold cpu_cores<2":                             "name one with --watch-pid or --watch-command",
		"--threshold memory_max<2GB":                          "name one with --watch-pid or --watch-command",
		"--threshold memory_per_listener<9KB --watch-pid 1":   "give --listeners 100 or more",
		"--threshold slow_kept==0":                            "give --slow",
		"--threshold stalled_ended>=1 --slow 1:5":             "give --stalled",
		"--threshold mute_kept==0":                            "give --mute",
		service + "--threshold overhead_p99<1s":               "nobody listens: give --stream-url",
		service + "--threshold lost==0":                       "nobody listens: give --stream-url",
		service + "--stages 1s:5 --duration 9s":               "--duration goes with a rate or with --burst: leave it out, since --stages says how long to send",
		service + "--replay testdata/tap.jsonl --duration 9s": "--duration goes with a rate",
		service + "--listeners 20":                            "--listeners goes with --stream-url",
		service + "--start-at 2020-01-01T00:00:00Z":           "--start-at 2020-01-01T00:00:00Z has passed",
		"--duration -1s":                                      "--duration -1s: nothing below 0 is allowed\nSee",
	} {
		t.Run(args, func(t *testing.T) {
			var out bytes.Buffer
			code := execute(t.Context(), streams{in: strings.NewReader(""), out: &out, err: &out}, append([]string{"bench"}, strings.Fields(args)...))
			if code != exitUsage || !strings.Contains(out.String(), want) || strings.Contains(out.String(), "--arrive 0s") {
				t.Errorf("it ends with %d and %q, want %q", code, out.String(), want)
			}
		})
	}
}
