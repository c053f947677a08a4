package chaos_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/proof/chaos"
)

// targets returns three stages and a cluster of brokers.
func targets() []chaos.Target {
	all := []chaos.Kind{chaos.Kill, chaos.Pause, chaos.Restart}
	return []chaos.Target{
		{Names: []string{"a"}, Kinds: all, Rest: time.Second},
		{Names: []string{"b"}, Kinds: all, Rest: time.Second},
		{Names: []string{"c"}, Kinds: all, Rest: time.Second},
		{Names: []string{"broker-0", "broker-1"}, Kinds: []chaos.Kind{chaos.Kill, chaos.Pause, chaos.Move}, Rest: 8 * time.Second},
	}
}

func TestASeedIsASequenceOfFaults(t *testing.T) {
	const duration = 5 * time.Minute
	one := chaos.Plan(1, duration, targets())
	if diff := cmp.Diff(one, chaos.Plan(1, duration, targets())); diff != "" {
		t.Errorf("the same seed is another plan: %s", diff)
	}
	if cmp.Equal(one, chaos.Plan(2, duration, targets())) {
		t.Error("another seed is the same plan")
	}
	if diff := cmp.Diff(one[:10], chaos.Plan(1, time.Minute, targets())[:10]); diff != "" {
		t.Errorf("a shorter run begins otherwise: %s", diff)
	}
}

func TestFaultsAreWhatTheyShouldBe(t *testing.T) {
	const duration = 10 * time.Minute
	for seed := range uint64(100) {
		last := time.Duration(0)
		lengths := map[chaos.Kind][]time.Duration{}
		hits := map[string]map[chaos.Kind]int{}
		free := map[string]time.Duration{}
		plan := chaos.Plan(seed, duration, targets())
		for _, f := range plan {
			if f.At < last+time.Second || f.At >= duration {
				t.Errorf("seed %d: %v at %v follows one at %v", seed, f, f.At, last)
			}
			last = f.At
			lengths[f.Kind] = append(lengths[f.Kind], f.For)
			if hits[f.Target] == nil {
				hits[f.Target] = map[chaos.Kind]int{}
			}
			hits[f.Target][f.Kind]++
			i := slices.IndexFunc(targets(), func(t chaos.Target) bool { return slices.Contains(t.Names, f.Target) })
			target := targets()[i]
			if f.At < free[target.Names[0]] {
				t.Errorf("seed %d: %v at %v, when it is back from its last one at %v only", seed, f, f.At, free[target.Names[0]])
			}
			free[target.Names[0]] = f.At + f.For + target.Rest
		}
		if n := len(plan); n < 200 || n > 400 { // one every two seconds, less those for which all were away
			t.Errorf("seed %d: %d faults in %v", seed, n, duration)
		}
		for kind, want := range map[chaos.Kind][2]time.Duration{
			chaos.Kill:    {0, 3 * time.Second},
			chaos.Pause:   {500 * time.Millisecond, 8 * time.Second},
			chaos.Restart: {0, 0},
			chaos.Move:    {0, 0},
		} {
			if low, high := slices.Min(lengths[kind]), slices.Max(lengths[kind]); low < want[0] || high > want[1] {
				t.Errorf("seed %d: each %v lasts from %v to %v", seed, kind, low, high)
			}
		}
		if slices.Max(lengths[chaos.Pause]) < 6*time.Second {
			t.Errorf("seed %d: no pause outlasts a session", seed)
		}
		for _, target := range targets() {
			for _, name := range target.Names {
				for _, kind := range target.Kinds {
					if hits[name][kind] == 0 {
						t.Errorf("seed %d: no %v of %s in %v", seed, kind, name, duration)
					}
				}
			}
		}
	}
}

// In thirty seconds every target gets a fault, whatever the seed.
func TestEveryTargetHasItsTurn(t *testing.T) {
	for seed := range uint64(1000) {
		hit := map[string]bool{}
		for _, f := range chaos.Plan(seed, 30*time.Second, targets()) {
			hit[f.Target] = true
		}
		if !hit["a"] || !hit["b"] || !hit["c"] || !hit["broker-0"] && !hit["broker-1"] {
			t.Errorf("seed %d hits %v only", seed, hit)
		}
	}
}
