package trace_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/inspect/trace"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// script feeds a tracer with a history: one record a line, after the time at which it
// was read in ms. The records are:
//
//	tap PARTITION/OFFSET TIME EMOJI [CHANNEL] [USER] [TIMESTAMP]   of emoji-topic
//	mark WINDOW LATENESS                                           of emoji-partials
//	partial PARTITION END FIRST-NEXT EMOJI=N,… [CHANNEL]
//	count END EMOJI N [CHANNEL]                                    of emoji-aggregated
//	swarm TOPIC END TOTAL [CHANNEL]
//	raw TOPIC VALUE
//	cluster TOPIC, server TOPIC, silent TOPIC, tick
type script struct {
	t *testing.T
	*trace.Tracer
}

func (s script) run(history string) {
	s.t.Helper()
	for line := range strings.Lines(strings.TrimSpace(history)) {
		words := strings.Fields(line)
		at, err := strconv.ParseInt(words[0], 10, 64)
		if err != nil {
			s.t.Fatalf("%q: %v", line, err)
		}
		s.line(at*1000, words[1], append(words[2:], "", "", "", ""))
	}
}

func (s script) line(at int64, what string, w []string) {
	s.t.Helper()
	switch what {
	case "tap":
		partition, offset, _ := strings.Cut(w[0], "/")
		r := wire.Reaction{Emoji: w[2], Channel: w[3], UserID: w[4], Timestamp: w[5]}
		s.Reaction(int(s.number(partition)), stream.Record{Offset: s.number(offset), Time: s.number(w[1]), Value: wire.AppendReaction(nil, r)}, at)
	case "mark":
		m := wire.Mark{Version: wire.FormatVersion, Partitions: 1, Reducers: 1, Settings: wire.Settings{WindowMS: s.number(w[0]), LatenessMS: s.number(w[1])}}
		s.Progress(stream.Record{Value: wire.Progress{Mark: &m}.Encode()}, at)
	case "partial":
		first, next, _ := strings.Cut(w[2], "-")
		p := wire.Partial{
			Version: wire.FormatVersion, Partition: int(s.number(w[0])), End: s.number(w[1]), Channel: channel(w[4]),
			First: s.number(first), Next: s.number(next), Counts: map[string]int64{},
		}
		for pair := range strings.SplitSeq(w[3], ",") {
			emoji, n, _ := strings.Cut(pair, "=")
			p.Counts[emoji] = s.number(n)
		}
		s.Progress(stream.Record{Value: wire.Progress{Partial: &p}.Encode()}, at)
	case "count":
		s.Count(stream.Record{Value: fmt.Appendf(nil, `{"window":%s,"emoji_type":%q,"emoji_count":%s,"channel":%q}`, window(s.number(w[0])), w[1], w[2], channel(w[3]))}, at)
	case "swarm":
		s.Swarm(w[0], stream.Record{Value: fmt.Appendf(nil, `{"channel":%q,"window":%s,"total":%s,"emojis":[]}`, channel(w[3]), window(s.number(w[1])), w[2])}, at)
	case "raw":
		r := stream.Record{Value: []byte(w[1])}
		map[string]func(){
			"emoji-topic": func() { s.Reaction(0, r, at) }, "emoji-partials": func() { s.Progress(r, at) },
			"emoji-aggregated": func() { s.Count(r, at) }, "sub_1": func() { s.Swarm("sub_1", r, at) },
		}[w[0]]()
	case "cluster":
		s.Cluster(w[0])
	case "server":
		s.Server(w[0], false)
	case "silent":
		s.Server(w[0], true)
	case "tick":
		s.Tick(at)
	default:
		s.t.Fatalf("what is %q?", what)
	}
}

func (s script) number(text string) int64 {
	s.t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

func channel(name string) string {
	if name == "" {
		return wire.MainChannel
	}
	return name
}

func window(end int64) string {
	b, _ := wire.Window{Start: end - 2000, End: end}.MarshalJSON()
	return string(b)
}

// told returns a line for each reaction that is done or stuck, with its hops in ms,
// such as "0/7: accepted 1, in the log 2".
func told(done []trace.Journey) (lines []string) {
	for _, j := range done {
		var hops []string
		for to := trace.Accepted; to <= trace.Everywhere; to++ {
			if us, ok := j.Hop(to); ok {
				hops = append(hops, fmt.Sprintf("%s %g", to, float64(us)/1000))
			}
		}
		line := fmt.Sprintf("%d/%d: %s", j.Partition, j.Offset, strings.Join(hops, ", "))
		if j.Stuck {
			line += ", stuck"
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

func TestTracer(t *testing.T) {
	for name, tt := range map[string]struct {
		history string
		want    []string
	}{
		"the whole way": {
			`
			1 cluster cluster_1
			1 cluster cluster_2
			1 server sub_1
			1 server sub_2
			1003 tap 0/0 1000 🔥 main ann 1970-01-01T00:00:00.990Z
			2101 partial 0 2000 0-1 🔥=1
			2105 count 2000 🔥 1
			2110 swarm cluster_1 2000 1
			2111 swarm cluster_2 2000 1
			2115 swarm sub_1 2000 1
			2118 swarm sub_2 2000 1`,
			[]string{"0/0: accepted 10, in the log 3, window's end 997, counted 101, aggregated 4, in a cluster 5, at a subscriber 5, at every subscriber 3"},
		},
		"a client whose clock is ahead": {
			`
			1001 tap 0/0 1000 🔥 main ann 1970-01-01T00:01:00Z
			2101 partial 0 2000 0-1 🔥=1
			2105 count 2000 🔥 1`,
			[]string{"0/0: accepted -59000, in the log 1, window's end 999, counted 101, aggregated 4"},
		},
		"a partial from before it": {
			`
			1001 tap 0/0 1000 🔥
			2003 tap 0/1 1990 🔥
			2101 partial 0 2000 0-1 🔥=1
			2105 count 2000 🔥 1
			2205 partial 0 2000 0-2 🔥=2
			2207 count 2000 🔥 2`,
			[]string{
				"0/0: in the log 1, window's end 999, counted 101, aggregated 4",
				"0/1: in the log 13, window's end 0, counted 202, aggregated 2",
			},
		},
		"partials of another window, channel and partition reach over it": {
			`
			1001 tap 0/1 2500 🔥
			2101 partial 0 2000 0-3 🔥=2
			2101 partial 0 4000 0-3 🔥=1 room
			2101 partial 1 4000 0-3 🔥=1
			4101 partial 0 4000 1-2 🔥=1
			4102 count 4000 🔥 1
			4105 count 4000 🔥 2`,
			[]string{"0/1: in the log -1499, window's end 2999, counted 101, aggregated 4"},
		},
		"what is late is in the oldest window that is open": {
			`
			20001 tap 0/0 20000 🎉
			20001 tap 0/1 20000 🎉
			20001 tap 0/2 5000 🔥
			20002 tap 1/0 5000 🔥
			22100 partial 1 6000 0-1 🔥=1
			22100 partial 0 12000 2-3 🔥=1
			22101 count 6000 🔥 1
			22101 count 12000 🔥 1`,
			[]string{
				"0/2: in the log 15001, window's end 0, counted 2099, aggregated 1",
				"1/0: in the log 15002, window's end 0, counted 2098, aggregated 1",
			},
		},
		"windows are as a mark says": {
			`
			1 mark 1000 500
			1001 tap 0/0 900 🔥
			1101 partial 0 1000 0-1 🔥=1
			1105 count 1000 🔥 1`,
			[]string{"0/0: in the log 101, window's end 0, counted 100, aggregated 4"},
		},
		"a partial from before the first mark": {
			`
			1001 tap 0/0 900 🔥
			1101 partial 0 1000 0-1 🔥=1
			1102 mark 1000 500
			1105 count 1000 🔥 1`,
			[]string{"0/0: in the log 101, window's end 0, counted 100, aggregated 4"},
		},
		"a count and swarms that do not reach": {
			`
			1 server sub_1
			1001 tap 0/0 1000 🔥
			2100 partial 1 2000 5-8 🔥=2,🎉=1
			2101 count 2000 🔥 2
			2101 count 2000 🎉 1
			2102 swarm sub_1 2000 3
			2103 partial 1 2000 6-15 🔥=9
			2103 partial 0 2000 0-1 🔥=1
			2104 count 2000 🔥 2
			2105 count 2000 🔥 3
			2106 swarm sub_1 2000 3
			2107 swarm sub_1 2000 4`,
			[]string{"0/0: in the log 1, window's end 999, counted 103, aggregated 2, at a subscriber 2, at every subscriber 0"},
		},
		"what is read first is what comes last": {
			`
			1 cluster cluster_1
			1 server sub_1
			2201 swarm sub_1 2000 1
			2202 swarm cluster_1 2000 1
			2203 count 2000 🔥 1
			2204 partial 0 2000 0-1 🔥=1
			2205 tap 0/0 1000 🔥`,
			[]string{"0/0: in the log 1201, window's end 0, counted 0, aggregated 0, in a cluster 0, at a subscriber 0, at every subscriber 0"},
		},
		"stuck in the log, counted, and at the cluster": {
			`
			1 cluster cluster_1
			1 server sub_1
			1001 tap 0/0 1000 🔥
			1001 tap 1/0 1000 🎉
			1001 tap 2/0 1000 💯
			2101 partial 1 2000 0-1 🎉=1
			2101 partial 2 2000 0-1 💯=1
			2102 count 2000 💯 1
			2103 swarm cluster_1 2000 1
			32000 tick
			32001 tick
			32101 tick
			32102 tick
			32104 tick`,
			[]string{
				"0/0: in the log 1, stuck",
				"1/0: in the log 1, window's end 999, counted 101, stuck",
				"2/0: in the log 1, window's end 999, counted 101, aggregated 1, in a cluster 1, stuck",
			},
		},
		"a silent server is not waited for until it speaks": {
			`
			1 server sub_1
			1 silent sub_2
			1001 tap 0/0 1000 🔥
			2101 partial 0 2000 0-1 🔥=1
			2102 count 2000 🔥 1
			2103 swarm sub_1 2000 1
			2104 swarm sub_2 2000 1
			3001 tap 0/1 3000 🔥
			4101 partial 0 4000 1-2 🔥=1
			4102 count 4000 🔥 1
			4103 swarm sub_1 4000 1
			4109 swarm sub_2 4000 1`,
			[]string{
				"0/0: in the log 1, window's end 999, counted 101, aggregated 1, at a subscriber 1, at every subscriber 0",
				"0/1: in the log 1, window's end 999, counted 101, aggregated 1, at a subscriber 1, at every subscriber 6",
			},
		},
		"a server that has left is waited for once": {
			`
			1 server sub_1
			1 server sub_2
			1001 tap 0/0 1000 🔥
			2101 partial 0 2000 0-1 🔥=1
			2102 count 2000 🔥 1
			2103 swarm sub_1 2000 1
			32200 tick
			41001 tap 0/1 41000 🔥
			42101 partial 0 42000 1-2 🔥=1
			42102 count 42000 🔥 1
			42103 swarm sub_1 42000 1`,
			[]string{
				"0/0: in the log 1, window's end 999, counted 101, aggregated 1, at a subscriber 1, at every subscriber 0, stuck",
				"0/1: in the log 1, window's end 999, counted 101, aggregated 1, at a subscriber 1, at every subscriber 0",
			},
		},
		"what nobody can read": {
			`
			1 raw emoji-topic {}
			1 raw emoji-partials {}
			1 raw emoji-aggregated {}
			1 raw sub_1 {}
			1 tick`, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := script{t, trace.New(trace.Config{Partials: true})}
			s.run(tt.history)
			if got := told(s.Finished()); !slices.Equal(got, tt.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

// Without partials a reaction's window is that of its record's time.
func TestTracerWithoutPartials(t *testing.T) {
	spark := func(start, end, emoji, n string) string {
		return fmt.Sprintf(`raw emoji-aggregated {"window":{"start":"1970-01-01T05:30:%s+05:30","end":"1970-01-01T05:30:%s+05:30"},"emoji_type":%q,"emoji_count":%s,"emoji_count_aggregated":0.7}`, start, end, emoji, n)
	}
	for name, tt := range map[string]struct {
		history string
		want    []string
	}{
		"by their number": {`
			1001 tap 0/0 1000 🔥
			1002 tap 1/0 1001 🔥
			1003 tap 1/1 1002 🎉
			1004 tap 1/2 1004 🔥 room
			3000 ` + spark("00.000", "02.000", "🔥", "1") + `
			3005 ` + spark("00.000", "02.000", "🔥", "2") + `
			3010 ` + spark("00.000", "02.000", "🎉", "1"), []string{
			"0/0: in the log 1, window's end 999, aggregated 1000",
			"1/0: in the log 1, window's end 998, aggregated 1005",
			"1/1: in the log 1, window's end 997, aggregated 1010",
		}},
		"windows turn out to be longer, and begin elsewhere": {`
			1001 tap 0/0 1000 🔥
			3000 ` + spark("00.500", "03.500", "🔥", "1") + `
			3601 tap 0/1 3600 🔥
			8000 ` + spark("03.500", "06.500", "🔥", "1"), []string{
			"0/1: in the log 1, window's end 2899, aggregated 1500",
		}},
		"one that another rule put into another window": {`
			1001 tap 0/0 1000 🔥
			1002 tap 0/1 1002 🔥
			3000 ` + spark("00.000", "02.000", "🔥", "1") + `
			40000 tick`, []string{
			"0/0: in the log 1, window's end 999, aggregated 1000",
			"0/1: in the log 0, window's end 998, aggregated 1000",
		}},
		"one that is never counted": {`
			1001 tap 0/0 1000 🔥
			40000 tick`, []string{"0/0: in the log 1, stuck"}},
		"a window that was open before": {`
			1 tap 0/0 -5 🔥`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := script{t, trace.New(trace.Config{})}
			s.run(tt.history)
			if got := told(s.Finished()); !slices.Equal(got, tt.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

// If there are more reactions than can be followed at once, those that are followed are
// spread evenly, and the report accounts for all.
func TestTracerFollowsSome(t *testing.T) {
	s := script{t, trace.New(trace.Config{Partials: true, MaxFollowed: 8, Wants: func(t wire.ReactionFields) bool { return string(t.UserID) != "nobody" }})}
	for i := range 100 {
		s.run(fmt.Sprintf("1001 tap 0/%d 1000 🔥\n1001 tap 1/%d 1000 🔥 main nobody", i, i))
	}
	s.run("2101 partial 0 2000 0-100 🔥=100\n2102 count 2000 🔥 100\n2103 tick")
	var offsets []int64
	for _, j := range s.Finished() {
		offsets = append(offsets, j.Offset)
	}
	slices.Sort(offsets)
	if want := []int64{0, 16, 32, 48, 64, 80, 96}; !slices.Equal(offsets, want) {
		t.Errorf("it followed %v, want %v", offsets, want)
	}
	r := s.Report()
	if r.Wanted != 100 || r.Done != 7 || r.OnTheWay != 0 || r.NotFollowed != 93 {
		t.Errorf("%+v", r)
	}
	s.run("3001 tick\n3001 tick\n3001 tick\n3001 tap 0/101 3000 🔥\n3001 tap 0/102 3000 🔥\n3001 tap 0/103 3000 🔥")
	if r := s.Report(); r.OnTheWay != 3 {
		t.Errorf("when there is room again, %d of 3 are followed", r.OnTheWay)
	}
}

func TestTracerEnds(t *testing.T) {
	s := script{t, trace.New(trace.Config{Partials: true, End: 2})}
	s.run(`
		1001 tap 0/0 1000 🔥
		1001 tap 0/1 1000 🔥
		1001 tap 0/2 1000 🔥
		2101 partial 0 2000 0-3 🔥=3`)
	if s.Ended() {
		t.Error("it has ended before anything was done")
	}
	s.run("2102 count 2000 🔥 3")
	if r := s.Report(); !s.Ended() || r.Done != 2 || len(s.Finished()) != 2 || len(s.Finished()) != 0 {
		t.Errorf("ended: %v; %+v", s.Ended(), r)
	}
}

// A window in which a reaction is followed is not forgotten, however long that takes.
func TestTracerKeepsWindowsThatAreFollowed(t *testing.T) {
	s := script{t, trace.New(trace.Config{Partials: true, StuckAfter: 10 * time.Minute})}
	s.run(`
		1001 tap 0/0 1000 🔥
		2101 partial 0 2000 0-1 🔥=1
		400000 tick
		400001 count 2000 🔥 1`)
	want := []string{"0/0: in the log 1, window's end 999, counted 101, aggregated 397900"}
	if got := told(s.Finished()); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The tracer keeps nothing of reactions that are done, stuck or dropped.
func TestTracerForgets(t *testing.T) {
	s := script{t, trace.New(trace.Config{Partials: true})}
	for i := range int64(200) {
		at := 1000 + i*2000
		s.run(fmt.Sprintf(`
			%d tap 0/%d %d 🔥
			%d tap 1/%d %d 🎉
			%d partial 0 %d %d-%d 🔥=1
			%d count %d 🔥 1
			%d tick`, at, i, at, at, i, at, at+1100, at+1000, i, i+1, at+1105, at+1000, at+1106))
	}
	s.run("1000000 tick")
	if r := s.Report(); r.Done != 200 || r.Stuck != 200 || r.OnTheWay != 0 || r.StuckAt[trace.Logged] != 200 {
		t.Errorf("%+v", r)
	}
	if n := s.Kept(); n != 0 {
		t.Errorf("%d numbers are kept", n)
	}
}
