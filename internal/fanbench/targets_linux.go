package fanbench

import (
	"fmt"
	"time"
)

// What ours should be: beside nchan's, or by itself.
const (
	cpuShare       = 0.75 // of nchan's
	p50Share       = 1.1
	p99Share       = 1.0
	connectionSize = 4 << 10 // bytes of a connection
	noise          = 1.25    // by which a p99 may differ for no reason
	silentSize     = 64 << 10
	comeback       = 10 * time.Second
	heartbeat      = 15 * time.Second // within which one that vanished is noticed
)

// compare enters what ours and nchan were found to be.
func (r *Report) compare(cfg Config, us, them []measured) {
	beside := func(name string, of func(measured) float64, unit func(float64) string, most float64) {
		ours, theirs := median(us, of), median(them, of)
		r.add(Row{
			Name: name, Ours: unit(ours), Theirs: unit(theirs), Timing: true, Met: ours <= most*theirs,
			Target: fmt.Sprintf("at most %.2f of nchan's; it is %.2f", most, ours/theirs),
		})
	}
	size := func(m measured) float64 { return float64(m.pss) / float64(cfg.Connections) }
	at := fmt.Sprintf("at %d connections", cfg.Connections)
	beside("CPU per delivery "+at, func(m measured) float64 { return float64(m.cpu) }, micro, cpuShare)
	r.add(Row{
		Name: "memory per connection (PSS)", Ours: kib(median(us, size)), Theirs: kib(median(them, size)), Timing: true,
		Met: median(us, size) <= connectionSize, Target: "at most " + kib(float64(connectionSize)),
	})
	beside("publish -> receive, p50 "+at, func(m measured) float64 { return float64(m.P50) }, milli, p50Share)
	beside("publish -> receive, p99 "+at, func(m measured) float64 { return float64(m.P99) }, milli, p99Share)
	ours, theirs := lost(cfg, us), lost(cfg, them)
	r.add(Row{
		Name: "deliveries that did not come", Met: ours == 0, Target: "none",
		Ours: fmt.Sprint(ours), Theirs: fmt.Sprint(theirs),
	})
}

// lost is how many deliveries rounds lack.
func lost(cfg Config, rounds []measured) (n int64) {
	for _, m := range rounds {
		n += int64(cfg.Connections*cfg.Events) - m.Deliveries
	}
	return n
}

// silent enters what listeners that never read did to the others, and what became
// of all of them.
func (r *Report) silent(cfg Config, us []measured, mix []mixed) {
	var among []measured
	var kept int
	var noticed time.Duration
	for _, m := range mix {
		among, kept, noticed = append(among, m.measured), kept+m.kept, max(noticed, m.noticed)
	}
	p99 := func(m measured) float64 { return float64(m.P99) }
	without, with := median(us, p99), median(among, p99)
	name := fmt.Sprintf("among %d that never read: ", cfg.Silent)
	r.add(Row{
		Name: name + "p99 of the others", Ours: fmt.Sprintf("%s, without them %s", milli(with), milli(without)), Timing: true,
		Met: with <= noise*without, Target: fmt.Sprintf("at most %.2f of it without; it is %.2f", noise, with/without),
	})
	pss := func(m measured) float64 { return float64(m.pss) }
	more := (median(among, pss) - median(us, pss)) / float64(cfg.Silent)
	r.add(Row{
		Name: name + "memory of each", Ours: kib(more), Timing: true,
		Met: more <= silentSize, Target: "at most " + kib(float64(silentSize)),
	})
	r.add(Row{
		Name: name + "deliveries that did not come to the others", Ours: fmt.Sprint(lost(cfg, among)),
		Met: lost(cfg, among) == 0, Target: "none",
	})
	r.add(Row{
		Name: name + "not cut off after --stall-timeout", Ours: fmt.Sprintf("%d of %d", kept, cfg.Silent*cfg.Rounds),
		Met: kept == 0, Target: "none",
	})
	r.add(Row{
		Name: fmt.Sprintf("%d leave at once: counted no longer", cfg.Connections), Ours: fmt.Sprintf("after %.1f s", noticed.Seconds()), Timing: true,
		Met: noticed <= heartbeat, Target: fmt.Sprintf("within %v", heartbeat),
	})
}

// passing enters what those missed who stayed.
func (r *Report) passing(cfg Config, h Heard) {
	r.add(Row{
		Name: fmt.Sprintf("%d connections for %v, %d/s of them leave and come: windows missed by those that stay", cfg.Many, cfg.Hold, cfg.Passing),
		Ours: fmt.Sprintf("%d of %d, %d cut off", h.Missed, h.Deliveries+h.Missed, h.Cut), Target: "none",
		Met: h.Missed == 0 && h.Away == 0 && h.Malformed == 0 && h.Cut == 0,
	})
}

// cut enters how all came back.
func (r *Report) cut(cfg Config, h Heard, killed time.Time) {
	took := time.UnixMicro(h.Resumed).Sub(killed)
	name := fmt.Sprintf("%d cut off at once (SIGKILL, restart): ", cfg.Connections)
	r.add(Row{
		Name: name + "all served again", Ours: fmt.Sprintf("after %.1f s", took.Seconds()), Timing: true,
		Met: h.Away == 0 && took <= comeback, Target: fmt.Sprintf("within %v", comeback),
	})
	r.add(Row{
		Name: name + "windows missed", Ours: fmt.Sprintf("%d, %d never came back", h.Missed, h.Away), Target: "none",
		Met: h.Missed == 0 && h.Away == 0 && h.Malformed == 0 && h.Resumed > 0,
	})
}
