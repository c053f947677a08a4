package chaos

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/emostream/emostream/internal/proof/kafkatest"
	"github.com/emostream/emostream/internal/proof/process"
	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/internal/wire"
)

// readyTimeout is how long the pipeline may take to become ready, at the beginning and
// after the last fault.
const readyTimeout = 90 * time.Second

// pipeline is two copies of every stage, on brokers of its own.
type pipeline struct {
	cfg         Config
	failed      func(error) // called when a stage ends by itself
	keys        *keys       // nil: there are none
	brokers     *brokers
	stages      []*stage
	mainServers []string          // base URLs of the main servers
	subscribers map[string]string // base URLs of the subscriber servers, by name
	topics      wire.Topics
}

// startPipeline starts the brokers and two copies of every stage. It returns when all
// servers are ready. The caller must stop the pipeline, also after an error.
func startPipeline(ctx context.Context, cfg Config, k *keys, failed func(error)) (*pipeline, error) {
	p := &pipeline{cfg: cfg, failed: failed, keys: k, subscribers: map[string]string{}}
	var err error
	if p.brokers, err = startBrokers(ctx, cfg, p.stage); err != nil {
		return p, err
	}
	const copies = 2
	ports, err := kafkatest.FreePorts(ctx, 2*copies)
	if err != nil {
		return p, err
	}
	for i := range copies {
		n, listen, subscriber := i+1, localAddr(ports[2*i]), localAddr(ports[2*i+1])
		p.mainServers = append(p.mainServers, "http://"+listen)
		p.add(fmt.Sprintf("serve-%d", n), "serve", "--listen", listen)
		p.add(fmt.Sprintf("aggregate-%d", n), "aggregate")
		p.add(fmt.Sprintf("publish-%d", n), "publish")
		name := fmt.Sprintf("sub%d", n)
		p.subscribers[name] = "http://" + subscriber
		p.add(fmt.Sprintf("subscribe-%d", n), "subscribe", "--name", name, "--cluster", fmt.Sprintf("cluster_%d", n), "--listen", subscriber)
	}
	if err := p.startMissing(ctx); err != nil {
		return p, err
	}
	return p, p.waitReady(ctx)
}

// stage returns a process of the program. It does not start it.
func (p *pipeline) stage(name string, args ...string) *stage {
	return &stage{
		name: name, program: p.cfg.Program, args: append(args, "--log-level", p.cfg.LogLevel),
		log: filepath.Join(p.cfg.Dir, name+".log"), failed: p.failed,
	}
}

// add adds a stage, which startMissing starts.
func (p *pipeline) add(name string, args ...string) *stage {
	args = append(append(args, "--brokers", strings.Join(p.brokers.addrs, ",")), p.keys.flags(args[0])...)
	s := p.stage(name, args...)
	p.stages = append(p.stages, s)
	return s
}

// startMissing starts all brokers and stages that do not run.
func (p *pipeline) startMissing(ctx context.Context) error {
	errs := []error{p.brokers.startMissing(ctx)}
	for _, s := range p.stages {
		errs = append(errs, s.start(ctx))
	}
	return errors.Join(errs...)
}

// waitReady waits until every server says that it is ready.
func (p *pipeline) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	var all errgroup.Group
	for _, url := range p.mainServers {
		all.Go(func() error { return waitServerReady(ctx, url) })
	}
	for _, url := range p.subscribers {
		all.Go(func() error { return waitServerReady(ctx, url) })
	}
	return all.Wait()
}

// waitServerReady waits until a server says that it is ready.
func waitServerReady(ctx context.Context, url string) error {
	const again = 100 * time.Millisecond
	for {
		err := process.Ready(ctx, url)
		if err == nil {
			return nil
		}
		if sleep.For(ctx, again) != nil {
			return fmt.Errorf("%s is not ready: %w", url, err)
		}
	}
}

// victims returns everything to which faults can happen: as targets for a plan, and by
// name.
func (p *pipeline) victims() (targets []Target, byName map[string]victim) {
	byName = map[string]victim{}
	for _, s := range p.stages {
		targets = append(targets, Target{Names: []string{s.name}, Kinds: []Kind{Kill, Pause, Restart}, Rest: time.Second})
		byName[s.name] = s
	}
	targets = append(targets, p.brokers.target)
	for _, name := range p.brokers.target.Names {
		byName[name] = p.brokers.victim
	}
	return targets, byName
}

// dump makes every stage write its goroutines into its log and end.
func (p *pipeline) dump() {
	for _, s := range p.stages {
		if s.process != nil && s.process.Running() {
			_ = s.dump() // an exit code that is not 0 is expected
		}
	}
}

// stop kills everything.
func (p *pipeline) stop() error {
	var errs []error
	for _, s := range p.stages {
		errs = append(errs, s.kill())
	}
	if p.brokers != nil {
		errs = append(errs, p.brokers.stop())
	}
	return errors.Join(errs...)
}
