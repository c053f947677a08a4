package quota_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/quota"
)

func TestParseRate(t *testing.T) {
	for in, want := range map[string]quota.Rate{
		"5":            {5, 5},
		"5:20":         {5, 20},
		"0.5":          {0.5, 1},
		"2.5":          {2.5, 3},
		"0.001:1":      {0.001, 1},
		"1e6:1000000":  {1e6, 1_000_000},
		"0":            {},
		"-1":           {},
		"NaN":          {},
		"+Inf":         {},
		"1e7":          {},
		"":             {},
		":5":           {},
		"5:":           {},
		"5:0":          {},
		"5:1.5":        {},
		"5:1000001":    {},
		"5:20:30":      {},
		"5/s":          {5, 5},
		"30/m":         {0.5, 1},
		"90/m:4":       {1.5, 4},
		"36/h":         {0.01, 1},
		"1/h":          {},
		"1e6/s":        {1e6, 1_000_000},
		"5/d":          {},
		"5/":           {},
		"5/m/s":        {},
		"/s":           {},
		"five":         {},
		"0.0001":       {},
		"5:2147483648": {},
	} {
		got, err := quota.ParseRate(in)
		if got != want || (err == nil) != (want != quota.Rate{}) {
			t.Errorf("ParseRate(%q) = %v, %v, want %v", in, got, err, want)
		}
		if err != nil && !strings.Contains(err.Error(), "as in 5") {
			t.Errorf("ParseRate(%q): %v does not say what is allowed", in, err)
		}
	}
	if got := (quota.Rate{PerSecond: 2.5, Burst: 10}).String(); got != "2.5 a second, 10 at once" {
		t.Errorf("a rate is called %q", got)
	}
}

// The text of a rate is read as the same rate.
func TestTextOfRates(t *testing.T) {
	for in, want := range map[string]string{
		"5": "5/s", "5:20": "5/s:20", "0.5": "30/m", "0.01": "36/h", "1.5": "90/m", "20/m": "20/m", "100/h": "100/h", "0.3": "18/m", "0.123456789": "0.123456789/s",
	} {
		r, err := quota.ParseRate(in)
		if err != nil {
			t.Fatal(err)
		}
		again, err := quota.ParseRate(r.Text())
		if r.Text() != want || again != r || err != nil {
			t.Errorf("the text of %q is %q, want %q, and it is read as %v, %v", in, r.Text(), want, again, err)
		}
	}
}

// step is one call of Take.
type step struct {
	at   time.Duration
	n    int
	wait time.Duration
}

func TestTake(t *testing.T) {
	const ms = time.Millisecond
	for name, tt := range map[string]struct {
		rate  quota.Rate
		steps []step
	}{
		"a burst, then the rate": {quota.Rate{PerSecond: 10, Burst: 3}, []step{
			{0, 1, 0}, {0, 1, 0}, {0, 1, 0}, {0, 1, 100 * ms}, {99 * ms, 1, ms}, {100 * ms, 1, 0}, {100 * ms, 1, 100 * ms}, {400 * ms, 3, 0},
		}},
		"several at once":             {quota.Rate{PerSecond: 10, Burst: 10}, []step{{0, 8, 0}, {0, 5, 300 * ms}, {0, 2, 0}, {300 * ms, 5, 200 * ms}, {500 * ms, 5, 0}}},
		"what is refused costs none":  {quota.Rate{PerSecond: 1, Burst: 1}, []step{{0, 1, 0}, {0, 1, 1000 * ms}, {1, 1, 1000*ms - 1}, {1000 * ms, 1, 0}}},
		"a bucket does not overflow":  {quota.Rate{PerSecond: 10, Burst: 2}, []step{{0, 1, 0}, {time.Hour, 2, 0}, {time.Hour, 1, 100 * ms}}},
		"less than one a second":      {quota.Rate{PerSecond: 0.5, Burst: 1}, []step{{0, 1, 0}, {time.Second, 1, time.Second}, {2 * time.Second, 1, 0}}},
		"the slowest and the deepest": {quota.Rate{PerSecond: 0.001, Burst: 1_000_000}, []step{{0, 1_000_000, 0}, {0, 1, 1000 * time.Second}, {0, 1_000_000, 1_000_000_000 * time.Second}}},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			l := quota.New(tt.rate, 100)
			start = start.Add(time.Since(start)) // not before the limiter's epoch
			key, other := l.Key("ann"), l.Key("bob")
			for i, s := range tt.steps {
				got := l.Take(key, s.n, start.Add(s.at))
				if got != s.wait {
					t.Errorf("step %d: wait %v, want %v", i, got, s.wait)
				}
			}
			if wait := l.Take(other, 1, start); wait != 0 {
				t.Errorf("another key waits %v", wait)
			}
		})
	}
}

// Delay returns when there will be a token, and takes none. Refund undoes Take.
func TestDelayAndRefund(t *testing.T) {
	l := quota.New(quota.Rate{PerSecond: 1, Burst: 2}, 10)
	now, key := time.Now().Add(time.Second), l.Key("ann")
	l.Refund(key, 1) // refunding what was not taken changes nothing
	for i, want := range []time.Duration{0, 0, time.Second, time.Second} {
		if got := l.Delay(key, now); got != want {
			t.Errorf("before %d: wait %v, want %v", i, got, want)
		}
		l.Take(key, 1, now)
	}
	l.Refund(key, 1)
	if got := l.Take(key, 2, now); got != time.Second {
		t.Errorf("two of one given back: wait %v", got)
	}
	if got := l.Take(key, 1, now); got != 0 {
		t.Errorf("the one given back: wait %v", got)
	}
}

// If there are more keys than places, those with the fullest buckets are forgotten, and
// a client that keeps sending stays limited.
func TestForgetting(t *testing.T) {
	l := quota.New(quota.Rate{PerSecond: 1, Burst: 100}, 1000)
	now := time.Now().Add(time.Second)
	greedy := l.Key("greedy")
	l.Take(greedy, 100, now)
	for i := range 100_000 {
		l.Take(l.Key(fmt.Sprint(i)), 1, now.Add(time.Duration(i)*time.Microsecond))
	}
	if wait := l.Take(greedy, 100, now); wait != 100*time.Second {
		t.Errorf("after 100,000 others the greedy one waits %v", wait)
	}
}

// No key gets more than its rate, even if many call at the same time.
func TestConcurrent(t *testing.T) {
	const perSecond, burst, keys = 1000, 50, 40
	l := quota.New(quota.Rate{PerSecond: perSecond, Burst: burst}, 10_000)
	start := time.Now().Add(time.Second)
	var taken [keys]atomic.Int64
	var wg sync.WaitGroup
	for seed := range uint64(8) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, 1))
			for i := range 20_000 {
				k, n := r.IntN(keys), 1+r.IntN(3)
				now := start.Add(time.Duration(i) * 50 * time.Microsecond)
				if l.Take(l.Key(fmt.Sprint(k)), n, now) == 0 {
					if r.IntN(10) == 0 {
						l.Refund(l.Key(fmt.Sprint(k)), n)
					} else {
						taken[k].Add(int64(n))
					}
				}
			}
		})
	}
	wg.Wait()
	const most = burst + perSecond // within a second
	for k := range taken {
		if n := taken[k].Load(); n > most || n < most/2 {
			t.Errorf("key %d took %d, want at most %d, and not much less", k, n, most)
		}
	}
}

// Charge takes what there is, and the rest is owed, but at most a burst.
func TestCharge(t *testing.T) {
	for _, tt := range []struct {
		charged []int
		wait    time.Duration // until there is a token again; 0: there is one
	}{
		{[]int{9}, 0},
		{[]int{10}, time.Second},
		{[]int{11}, 2 * time.Second},
		{[]int{5, 5, 5}, 6 * time.Second},
		{[]int{20}, 11 * time.Second},
		{[]int{21}, 11 * time.Second},
		{[]int{1_000_000}, 11 * time.Second},
		{[]int{20, 20}, 11 * time.Second},
	} {
		l := quota.New(quota.Rate{PerSecond: 1, Burst: 10}, 8)
		key, now := l.Key("ann"), time.Now()
		for _, n := range tt.charged {
			l.Charge(key, n, now)
		}
		if got := l.Delay(key, now); got != tt.wait {
			t.Errorf("%v: the next token comes after %v, want %v", tt.charged, got, tt.wait)
		}
		if wait := l.Take(key, 1, now.Add(tt.wait)); wait != 0 {
			t.Errorf("%v: after %v there is none for %v", tt.charged, tt.wait, wait)
		}
	}
}

func TestTakeAllocatesNothing(t *testing.T) {
	l := quota.New(quota.Rate{PerSecond: 5, Burst: 5}, 1000)
	now := time.Now()
	if n := testing.AllocsPerRun(1000, func() { l.Take(l.Key("user_0123456789ab"), 1, now) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzParseRate(f *testing.F) {
	for _, s := range []string{"5", "5:20", "0.001:1", "1e6:1000000", "NaN", "0x1p-2", "5:", ":", "-0", "1_000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := quota.ParseRate(s)
		if err != nil {
			if len(err.Error()) > 500 {
				t.Errorf("%q: refused with %d bytes", s, len(err.Error()))
			}
			return
		}
		l := quota.New(r, 1)
		now := time.Now().Add(time.Hour)
		if wait := l.Take(1, r.Burst, now); wait != 0 {
			t.Errorf("%q: the burst waits %v", s, wait)
		}
		if again, err := quota.ParseRate(r.Text()); again != r || err != nil {
			t.Errorf("%q: its text %q is read as %v, %v", s, r.Text(), again, err)
		}
		one := l.Take(1, 1, now)
		if want := 1e9 / r.PerSecond; math.Abs(float64(one)-want) > 1 {
			t.Errorf("%q: one more waits %v, want %v", s, one, time.Duration(want))
		}
	})
}

func BenchmarkTake(b *testing.B) {
	for _, keys := range []int{1, 10_000, 1_000_000} {
		b.Run(fmt.Sprintf("%d keys", keys), func(b *testing.B) {
			l := quota.New(quota.Rate{PerSecond: 5, Burst: 10}, 1<<17)
			names := make([]string, keys)
			for i := range names {
				names[i] = fmt.Sprintf("user_%012d", i)
			}
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := rand.IntN(keys); pb.Next(); i++ {
					l.Take(l.Key(names[i%keys]), 1, time.Now())
				}
			})
		})
	}
}

// Keys of one limiter can have rates of their own. A key whose rate changes waits for its
// bucket of the old one, but no longer than for two bursts of the new one.
func TestRatesOfTheirOwn(t *testing.T) {
	l := quota.New(quota.Rate{PerSecond: 1, Burst: 1}, 100)
	now := time.Now().Add(time.Hour)
	slow, fast := quota.Rate{PerSecond: 0.5, Burst: 1}, quota.Rate{PerSecond: 100, Burst: 10}
	ann, bob := l.PairKey("main", "ann"), l.PairKey("main", "bob")
	for i, tt := range []struct {
		rate quota.Rate
		key  uint64
		n    int
		at   time.Duration
		wait time.Duration
	}{
		{slow, ann, 1, 0, 0},
		{slow, ann, 1, 0, 2 * time.Second},
		{fast, bob, 10, 0, 0},
		{fast, bob, 1, 0, 10 * time.Millisecond},
		{fast, ann, 1, 0, 110 * time.Millisecond},
		{fast, ann, 10, 2 * time.Second, 0},
		{slow, bob, 1, time.Second, 0},
	} {
		if wait := l.TakeAt(tt.rate, tt.key, tt.n, now.Add(tt.at)); wait != tt.wait {
			t.Errorf("step %d waits %v, want %v", i, wait, tt.wait)
		}
	}
	l.RefundAt(slow, bob, 1)
	if wait := l.TakeAt(slow, bob, 1, now.Add(time.Second)); wait != 0 {
		t.Errorf("what was given back waits %v", wait)
	}
	if l.PairKey("a", "bc") == l.PairKey("ab", "c") || l.PairKey("a", "b") == l.PairKey("b", "a") {
		t.Error("two pairs have one key")
	}
}
