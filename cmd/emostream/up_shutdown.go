package main

import "time"

// stop stops the stages in the order in which reactions pass through them, each when
// the one before it has ended. It returns the first failure. After the main server has
// stopped, it waits until the window of the last reaction was sent to listeners, unless
// a stage failed.
func (p *pipeline) stop() error {
	for _, r := range p.stages {
		r.stopping.Store(true)
		r.stop()
		<-r.done
		if r.name == "serve" && len(p.failed) == 0 {
			p.waitForLastWindow()
		}
	}
	select {
	case err := <-p.failed:
		return err
	default:
		return nil
	}
}

// waitForLastWindow waits until the window of the last reaction must have been shown: a
// second after its end. It returns early if a stage fails.
func (p *pipeline) waitForLastWindow() {
	last := p.main.ingest.LastAccepted()
	if last.IsZero() {
		return
	}
	shown := last.Truncate(p.window).Add(p.window + time.Second)
	t := time.NewTimer(time.Until(shown))
	defer t.Stop()
	select {
	case <-t.C:
	case err := <-p.failed:
		p.failed <- err
	}
}
