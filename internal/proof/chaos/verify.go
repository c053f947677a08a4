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

// verifier reads all that there is in the end, and compares.
type verifier struct {
	client  *kafka.Client
	topics  wire.Topics
	ledger  *Ledger
	screens []*screen

	reactions, counts topic
	log               []Written
	counted           Counts
	swarms            map[string]*Swarms // by subscriber server
	copied            map[string]*topic
}

func newVerifier(client *kafka.Client, topics wire.Topics, ledger *Ledger, screens []*screen) *verifier {
	v := &verifier{
		client: client, topics: topics, ledger: ledger, screens: screens,
		reactions: topic{client: client, name: topics.Reactions()},
		counts:    topic{client: client, name: topics.Counts()},
		counted:   Counts{}, swarms: map[string]*Swarms{}, copied: map[string]*topic{},
	}
	for _, s := range screens {
		v.swarms[s.name] = &Swarms{}
		v.copied[s.name] = &topic{client: client, name: topics.Server(s.name)}
	}
	return v
}

// Verdict is what the comparison came to.
type Verdict struct {
	Entries
	Counted int64    // the sum of the greatest counts
	Latest  []Late   // the windows that were late the longest; empty if there are none
	Excused int      // windows that listeners were away for
	Wrong   []string // everything that is not as it must be
}

// Lost is how much less was counted than was acknowledged.
func (v Verdict) Lost() int64 { return max(0, v.Entries[Acknowledged]-v.Counted) }

// Doubled is how much more was counted than can have been sent.
func (v Verdict) Doubled() int64 {
	return max(0, v.Counted-v.Entries[Acknowledged]-v.Entries[InDoubt])
}

// verify compares until all is as it must be, or patience has run out. Nothing
// may be sent any more.
func (v *verifier) verify(ctx context.Context, patience time.Duration) (Verdict, error) {
	deadline := time.Now().Add(patience)
	// The referee waits for what is missing. What was written without our
	// knowing was written by now: a producer gives up sooner than a client.
	report, err := verify.Wait(ctx, verify.Config{Client: v.client, Topics: v.topics}, patience)
	if err != nil {
		return Verdict{}, fmt.Errorf("compare emoji-topic with emoji-aggregated: %w", err)
	}
	for {
		if err := v.read(ctx); err != nil {
			return Verdict{}, fmt.Errorf("read what is to be verified: %w", err)
		}
		out := v.judge(report)
		const again = 500 * time.Millisecond
		if len(out.Wrong) == 0 || time.Now().After(deadline) || sleep.For(ctx, again) != nil {
			return out, nil
		}
	}
}

// read takes in what is new in every topic.
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

func (v *verifier) judge(report verify.Report) Verdict {
	totals := v.counted.Totals()
	out := Verdict{Latest: v.counted.Late(0, math.MaxInt64)}
	out.Latest = out.Latest[:min(len(out.Latest), 3)]
	for _, n := range totals {
		out.Counted += n
	}
	out.Entries, out.Wrong = v.ledger.Judge(v.log)
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
	for _, s := range v.screens {
		topic := v.swarms[s.name]
		out.Wrong = append(out.Wrong, topic.Compare(v.topics.Server(s.name), totals)...)
		wrong, excused := s.judge(topic)
		out.Wrong = append(out.Wrong, wrong...)
		out.Excused += excused
	}
	return out
}

// Compare says in which windows the swarms of a topic are not what was counted.
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
