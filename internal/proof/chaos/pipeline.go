package chaos

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/emostream/emostream/internal/proof/kafkatest"
	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/internal/wire"
)

// ready is how long the pipeline may take until it can be used, at the beginning
// and after the last fault.
const ready = 90 * time.Second

// pipeline is every stage twice, on brokers of its own.
type pipeline struct {
	cfg     Config
	failed  func(error) // is told when a stage ends by itself
	brokers *brokers
	stages  []*stage
	servers []string          // base URLs of the main servers
	screens map[string]string // base URLs of the subscriber servers, by name
	topics  wire.Topics
}

// startPipeline starts the brokers and every stage twice, and returns when all
// servers are ready. Whatever it returns must be stopped.
func startPipeline(ctx context.Context, cfg Config, failed func(error)) (*pipeline, error) {
	p := &pipeline{cfg: cfg, failed: failed, screens: map[string]string{}}
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
		n, listen, screen := i+1, localAddr(ports[2*i]), localAddr(ports[2*i+1])
		p.servers = append(p.servers, "http://"+listen)
		p.add(fmt.Sprintf("serve-%d", n), "serve", "--listen", listen)
		p.add(fmt.Sprintf("aggregate-%d", n), "aggregate")
		p.add(fmt.Sprintf("publish-%d", n), "publish")
		name := fmt.Sprintf("sub%d", n)
		p.screens[name] = "http://" + screen
		p.add(fmt.Sprintf("subscribe-%d", n), "subscribe", "--name", name, "--cluster", fmt.Sprintf("cluster_%d", n), "--listen", screen)
	}
	if err := p.heal(ctx); err != nil {
		return p, err
	}
	return p, p.wait(ctx)
}

// stage describes a process of the program.
func (p *pipeline) stage(name string, args ...string) *stage {
	return &stage{
		name: name, program: p.cfg.Program, args: append(args, "--log-level", p.cfg.LogLevel),
		log: filepath.Join(p.cfg.Dir, name+".log"), failed: p.failed,
	}
}

// add adds a stage, which heal starts.
func (p *pipeline) add(name string, args ...string) *stage {
	s := p.stage(name, append(args, "--brokers", strings.Join(p.brokers.addrs, ","))...)
	p.stages = append(p.stages, s)
	return s
}

// heal starts what does not run.
func (p *pipeline) heal(ctx context.Context) error {
	errs := []error{p.brokers.heal(ctx)}
	for _, s := range p.stages {
		errs = append(errs, s.start(ctx))
	}
	return errors.Join(errs...)
}

// wait returns when every server says that it is ready.
func (p *pipeline) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, ready)
	defer cancel()
	var all errgroup.Group
	for _, url := range p.servers {
		all.Go(func() error { return waitReady(ctx, url) })
	}
	for _, url := range p.screens {
		all.Go(func() error { return waitReady(ctx, url) })
	}
	return all.Wait()
}

// waitReady returns when a server says that it is ready.
func waitReady(ctx context.Context, url string) error {
	const again = 100 * time.Millisecond
	for {
		err := isReady(ctx, url)
		if err == nil {
			return nil
		}
		if sleep.For(ctx, again) != nil {
			return fmt.Errorf("%s is not ready: %w", url, err)
		}
	}
}

func isReady(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", http.NoBody)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", res.Status)
	}
	return nil
}

// victims are what faults can happen to, by name, and how they are dealt.
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

// dump makes every stage say what it does, and ends it.
func (p *pipeline) dump() {
	for _, s := range p.stages {
		if s.process != nil && s.process.Running() {
			_ = s.dump() // its exit code is what was asked for
		}
	}
}

// stop ends everything at once.
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
