package hostile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emostream/emostream/internal/proof/process"
	"github.com/emostream/emostream/internal/sleep"
)

// The bounds that everybody else must be kept within while an attack lasts.
const (
	minAccepted = 0.95 // of the taps, of the joins, and of the windows that are shown in time
	maxSlowdown = 2.0  // p99 of taps, as a multiple of before
	recoverTime = 5 * time.Second
	// MemoryBound is how much memory a process may use at most, in bytes.
	MemoryBound = 768 << 20
)

// Times of a run, apart from the attack.
const (
	warmUp     = 3 * time.Second // until everybody has joined and buffers have grown
	afterwards = recoverTime + 4*time.Second
	// attackerGrace is how long an attacker may take to end by itself.
	attackerGrace = 3 * time.Second
)

// Config says what is attacked, how, and for how long. All must be set but Forwarded and
// Slow.
type Config struct {
	Program  string        // path of emostream
	Attacker string        // path of the program that performs an attack; see Command
	Dir      string        // for logs and data
	Against  string        // Up or Stages
	Attacks  []Attack      // all at once, each from an address of its own
	Duration time.Duration // of the attack, and of the time before it
	Network  Network
	// Slow allows taps to take any time, so that there is no time before the attack: where
	// several attacks at once need all processors, how long taps take says little.
	Slow bool
}

// Result is what became of everybody else.
type Result struct {
	Attacks   []string      `json:"attacks"`
	Against   string        `json:"against"`
	Forwarded bool          `json:"forwarded"`
	Duration  time.Duration `json:"duration"`
	Accepted  float64       `json:"accepted"` // share of the taps
	Joined    float64       `json:"joined"`   // share of the joins
	Shown     float64       `json:"shown"`    // share of the windows
	// Before and During are p99 of taps in a typical second: the median of the seconds. A
	// single second in which the machine was busy with something else does not change it.
	Before time.Duration `json:"before"`
	During time.Duration `json:"during"`
	// P99Before and P99 are p99 of all taps of these times together.
	P99Before time.Duration `json:"p99_before"`
	P99       time.Duration `json:"p99"`
	Peak      int64         `json:"peak"` // bytes
	Largest   string        `json:"largest"`
	Recovered time.Duration `json:"recovered"` // after the end of the attack; negative: not at all
	Sent      []Sent        `json:"sent"`
	// Processors that were busy, on average: those of the servers, all processes together,
	// before and during the attack, and those of the attackers.
	ServersBefore float64 `json:"servers_before"`
	ServersDuring float64 `json:"servers_during"`
	Attackers     float64 `json:"attackers"`
	// Wrong is what is not as it must be; none: the attack is held.
	Wrong []string `json:"wrong"`
	// Seconds is p99 in each second, from the beginning of the attack on.
	Seconds []time.Duration `json:"seconds"`
	// Failures counts what clients met other than success, in all of the run.
	Failures map[string]int `json:"failures"`
}

// Slower returns by how much p99 in a typical second is a multiple of what it was before.
func (r Result) Slower() float64 { return float64(r.During) / float64(max(1, r.Before)) }

// AllSlower returns the same of p99 of all taps together.
func (r Result) AllSlower() float64 { return float64(r.P99) / float64(max(1, r.P99Before)) }

// Run attacks an installation of its own, and returns what became of everybody else. An
// error means that this could not be found out.
func Run(ctx context.Context, cfg Config) (Result, error) {
	r := Result{Against: cfg.Against, Forwarded: cfg.Network.Forwarded, Duration: cfg.Duration}
	for _, a := range cfg.Attacks {
		r.Attacks = append(r.Attacks, a.Name)
	}
	in, err := install(ctx, cfg.Program, cfg.Against, cfg.Dir, cfg.Network)
	defer in.stop()
	if err != nil {
		return r, err
	}
	people := &crowd{network: cfg.Network, main: "http://" + in.Main}
	busy, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer stop()
	all.Go(func() { people.run(busy) })
	if err := sleep.For(ctx, warmUp); err != nil {
		return r, err
	}
	began, used := time.Now(), in.used()
	if !cfg.Slow {
		if err := sleep.For(ctx, cfg.Duration); err != nil {
			return r, err
		}
	}
	attacked := time.Now()
	r.ServersBefore = processors(in.used()-used, attacked.Sub(began))
	used = in.used()
	var spent time.Duration
	if r.Sent, spent, err = cfg.attack(ctx, in.Target); err != nil {
		return r, err
	}
	over := time.Now()
	r.ServersDuring, r.Attackers = processors(in.used()-used, over.Sub(attacked)), processors(spent, over.Sub(attacked))
	if err := sleep.For(ctx, afterwards); err != nil {
		return r, err
	}
	stop()
	all.Wait()
	r.Largest, r.Peak = in.peak()
	r.judge(people, began, attacked, over, cfg.Slow)
	problem := in.ended()
	if problem == nil {
		problem = errors.Join(in.waitReady(ctx), in.verify(ctx))
	}
	if problem != nil {
		r.Wrong = append(r.Wrong, problem.Error())
	}
	return r, ctx.Err()
}

// judge says what became of people during an attack that lasted from attacked to over.
func (r *Result) judge(c *crowd, began, attacked, over time.Time, slow bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r.Failures = c.wrong
	r.Before, r.P99Before = typical(seconds(c.taps, began, attacked)), p99(within(c.taps, began, attacked))
	during := within(c.taps, attacked, over)
	r.Accepted, r.During, r.P99 = accepted(during), typical(seconds(c.taps, attacked, over)), p99(during)
	r.Joined = accepted(within(c.joins, attacked, over))
	r.Shown = accepted(within(c.shown, attacked, over.Add(-windowLength)))
	end := over.Add(afterwards)
	r.Seconds = seconds(c.taps, attacked, end)
	r.Recovered = -1
	for after := time.Duration(0); after < afterwards-windowLength; after += time.Second {
		from := over.Add(after)
		if accepted(within(c.taps, from, end)) >= minAccepted && accepted(within(c.joins, from, end)) >= minAccepted && accepted(within(c.shown, from, end)) >= minAccepted &&
			(slow || typical(seconds(c.taps, from, end)) <= time.Duration(maxSlowdown*float64(r.Before))) {
			r.Recovered = after
			break
		}
	}
	wrong := func(is bool, format string, args ...any) {
		if is {
			r.Wrong = append(r.Wrong, fmt.Sprintf(format, args...))
		}
	}
	for i, s := range r.Sent {
		wrong(s.Connections == 0 && s.Requests == 0, "the attack %s came to nothing", r.Attacks[i])
	}
	wrong(r.Accepted < minAccepted, "%.1f %% of the taps were accepted", 100*r.Accepted)
	wrong(r.Joined < minAccepted, "%.1f %% of the joins were", 100*r.Joined)
	wrong(r.Shown < minAccepted, "%.1f %% of the windows were shown in time", 100*r.Shown)
	wrong(!slow && r.Slower() > maxSlowdown, "p99 of taps was %v in a typical second, %.1f times that of before", r.During, r.Slower())
	wrong(r.Peak > MemoryBound, "%s used %d MiB", r.Largest, r.Peak>>20)
	wrong(r.Recovered < 0 || r.Recovered > recoverTime, "not as before within %v of its end", recoverTime)
}

// within returns the observations of a time.
func within(all []observation, from, to time.Time) []observation {
	var out []observation
	for _, o := range all {
		if !o.at.Before(from) && o.at.Before(to) {
			out = append(out, o)
		}
	}
	return out
}

// accepted returns which share of observations was a success. Of none it is 0.
func accepted(all []observation) float64 {
	n := 0
	for _, o := range all {
		if o.ok {
			n++
		}
	}
	return float64(n) / float64(max(1, len(all)))
}

// p99 returns how long all but a hundredth of the successes took at most.
func p99(all []observation) time.Duration {
	var took []time.Duration
	for _, o := range all {
		if o.ok {
			took = append(took, o.took)
		}
	}
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[len(took)*99/100]
}

// seconds returns p99 of each whole second of a time.
func seconds(all []observation, from, to time.Time) []time.Duration {
	var out []time.Duration
	for ; !from.Add(time.Second).After(to); from = from.Add(time.Second) {
		out = append(out, p99(within(all, from, from.Add(time.Second))).Round(100*time.Microsecond))
	}
	return out
}

// typical returns the median; of none it is 0.
func typical(of []time.Duration) time.Duration {
	if len(of) == 0 {
		return 0
	}
	of = slices.Sorted(slices.Values(of))
	return of[len(of)/2]
}

// processors returns how many processors were busy on average, if so much of their time
// was used while so much passed.
func processors(used, passed time.Duration) float64 {
	return used.Seconds() / max(passed, time.Millisecond).Seconds()
}

// attack performs the attacks, each in a process of its own, and returns when all are
// over. It also returns how much time of processors they used together.
func (cfg Config) attack(ctx context.Context, target Target) ([]Sent, time.Duration, error) {
	sent, errs := make([]Sent, len(cfg.Attacks)), make([]error, len(cfg.Attacks))
	var used atomic.Int64
	var all sync.WaitGroup
	for i, a := range cfg.Attacks {
		all.Go(func() {
			var its time.Duration
			if sent[i], its, errs[i] = cfg.perform(ctx, a, i, target); errs[i] != nil {
				errs[i] = fmt.Errorf("attack %s: %w", a.Name, errs[i])
			}
			used.Add(int64(its))
		})
	}
	all.Wait()
	return sent, time.Duration(used.Load()), errors.Join(errs...)
}

// Order is what an attacker's process is told to do.
type Order struct {
	Attack   string
	Target   Target
	Address  Address
	Duration time.Duration
}

// perform performs an attack in a process of its own, which may have as many open files
// as a host usually has. It gets the processor time that the others leave (SCHED_IDLE),
// since a stranger's host would take none from them. It also returns how much time of
// processors that process used.
func (cfg Config) perform(ctx context.Context, a Attack, nth int, target Target) (sent Sent, used time.Duration, err error) {
	order, err := json.Marshal(Order{a.Name, target, cfg.Network.Attacker(nth), cfg.Duration})
	if err != nil {
		return sent, 0, err
	}
	out, err := os.Create(filepath.Join(cfg.Dir, "attack-"+a.Name+".out"))
	if err != nil {
		return sent, 0, err
	}
	defer out.Close()
	cmd := exec.CommandContext(ctx, "sh", "-c", `ulimit -n `+strconv.Itoa(openFiles)+`; exec chrt --idle 0 "$0" "$@"`, cfg.Attacker, "-perform", string(order))
	cmd.Stdout, cmd.Stderr = out, out
	p, err := process.Start(cmd)
	if err != nil {
		return sent, 0, err
	}
	select {
	case <-p.Exited():
	case <-time.After(cfg.Duration + attackerGrace):
		return sent, 0, errors.Join(errors.New("it does not end"), p.Kill())
	case <-ctx.Done():
		return sent, 0, errors.Join(ctx.Err(), p.Kill())
	}
	b, err := os.ReadFile(out.Name())
	if err == nil {
		err = json.Unmarshal(b, &sent)
	}
	if failed := p.Err(); failed != nil || err != nil {
		return sent, 0, fmt.Errorf("%w: %s", errors.Join(failed, err), b)
	}
	return sent, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}
