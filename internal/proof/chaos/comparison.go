package chaos

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/emostream/emostream/internal/inspect/verify"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// verifier reads what the topics hold at the end of a run, and compares it.
type verifier struct {
	client    *kafka.Client
	topics    wire.Topics
	sent      *SentReactions
	listeners []*listener

	reactions, counts topic
	log               []Written
	counted           Counts
	swarms            map[string]*Swarms // by subscriber server
	copied            map[string]*topic
}

func newVerifier(client *kafka.Client, topics wire.Topics, sent *SentReactions, listeners []*listener) *verifier {
	v := &verifier{
		client: client, topics: topics, sent: sent, listeners: listeners,
		reactions: topic{client: client, name: topics.Reactions()},
		counts:    topic{client: client, name: topics.Counts()},
		counted:   Counts{}, swarms: map[string]*Swarms{}, copied: map[string]*topic{},
	}
	for _, l := range listeners {
		v.swarms[l.name] = &Swarms{}
		v.copied[l.name] = &topic{client: client, name: topics.Server(l.name)}
	}
	return v
}

// Verdict is the result of the comparison.
type Verdict struct {
	OutcomeCounts
	Counted int64    // the sum of the greatest counts
	Latest  []Late   // the windows that were late the longest; empty if there are none
	Missed  int      // windows that listeners were not shown completely because they were not connected
	Wrong   []string // everything that is not as it must be
}

// Lost returns how many fewer reactions were counted than acknowledged; 0 if none.
func (v Verdict) Lost() int64 { return max(0, v.OutcomeCounts[Acknowledged]-v.Counted) }

// Doubled returns how many more reactions were counted than can be in the log; 0 if
// none.
func (v Verdict) Doubled() int64 {
	return max(0, v.Counted-v.OutcomeCounts[Acknowledged]-v.OutcomeCounts[InDoubt])
}

// verify compares until everything is as it must be, or until timeout is over. Nothing
// may be sent any more.
func (v *verifier) verify(ctx context.Context, timeout time.Duration) (Verdict, error) {
	deadline := time.Now().Add(timeout)
	// verify.Wait waits for counts that are missing. By now nothing is written any
	// more, not even a reaction in doubt: a producer gives up sooner than a client.
	report, err := verify.Wait(ctx, verify.Config{Client: v.client, Topics: v.topics}, timeout)
	if err != nil {
		return Verdict{}, fmt.Errorf("compare emoji-topic with emoji-aggregated: %w", err)
	}
	for {
		if err := v.read(ctx); err != nil {
			return Verdict{}, fmt.Errorf("read what is to be verified: %w", err)
		}
		out := v.compare(report)
		const again = 500 * time.Millisecond
		if len(out.Wrong) == 0 || time.Now().After(deadline) || sleep.For(ctx, again) != nil {
			return out, nil //nolint:nilerr // when ctx ends the last comparison stands
		}
	}
}

// read reads what is new in every topic.
func (v *verifier) read(ctx context.Context) error {
	errs := []error{
		v.reactions.read(ctx, func(p int, r stream.Record) error {
			w, err := written(p, r)
			v.log = append(v.log, w)
			return err
		}),
		v.counts.read(ctx, func(_ int, r stream.Record) error { return v.counted.Add(r) }),
	}
	for name, t := range v.copied {
		errs = append(errs, t.read(ctx, func(_ int, r stream.Record) error { return v.swarms[name].Add(r) }))
	}
	return errors.Join(errs...)
}

// compare compares what has been read so far.
func (v *verifier) compare(report verify.Report) Verdict {
	totals := v.counted.Totals()
	out := Verdict{Latest: v.counted.Late(0, math.MaxInt64)}
	out.Latest = out.Latest[:min(len(out.Latest), 3)]
	for _, n := range totals {
		out.Counted += n
	}
	out.OutcomeCounts, out.Wrong = v.sent.Check(v.log)
	if report.Verdict != verify.Agree {
		out.Wrong = append(out.Wrong, fmt.Sprintf("emoji-topic and emoji-aggregated %s: %d lost, %d doubled, %d windows undecided",
			report.Verdict, report.Lost, report.Doubled, report.WindowsUndecided))
	}
	for _, d := range report.Differences {
		out.Wrong = append(out.Wrong, fmt.Sprintf("%s in the window that ends at %s: %d in emoji-topic, %d in emoji-aggregated",
			d.Emoji, at(d.Window.End), d.Log, d.Counted))
	}
	if n := int64(len(v.log)); out.Counted != n {
		out.Wrong = append(out.Wrong, fmt.Sprintf("%d reactions are in emoji-topic and %d were counted", n, out.Counted))
	}
	for _, l := range v.listeners {
		topic := v.swarms[l.name]
		out.Wrong = append(out.Wrong, topic.Compare(v.topics.Server(l.name), totals)...)
		wrong, missed := l.check(topic)
		out.Wrong = append(out.Wrong, wrong...)
		out.Missed += missed
	}
	return out
}

// Compare returns the windows in which the swarms of a topic differ from the counts.
func (s *Swarms) Compare(topic string, counted map[int64]int64) (wrong []string) {
	ends := maps.Clone(counted)
	for end := range s.Greatest {
		ends[end] += 0
	}
	for _, end := range slices.Sorted(maps.Keys(ends)) {
		if swarm := s.Greatest[end]; swarm.Total != counted[end] {
			wrong = append(wrong, fmt.Sprintf("the window that ends at %s has %d in %s (at %d), and %d were counted",
				at(end), swarm.Total, topic, swarm.Offset, counted[end]))
		}
	}
	return wrong
}
