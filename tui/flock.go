package tui

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/emostream/emostream/tui/draw"
)

// How a flock moves.
const (
	ascent     = 3500 * time.Millisecond // from the bottom of the field to its top, for a floater of middling speed
	easing     = 600 * time.Millisecond  // in which rates come most of the way to new ones
	crowded    = 7                       // cells of the field for each floater, at the densest
	mostFloats = 400
	mostKinds  = 24
	mostStep   = 250 * time.Millisecond // time that passes at once: a view that was stopped does not catch up
)

// Rate is how many of an emoji are to rise in a second.
type Rate struct {
	Emoji string
	PerS  float64
}

// Flock is emojis that float up a field, as many as their rates say. Rates change
// gently, and all are turned down together when the field would get crowded. Where
// its floaters are is a share of the field, so that it survives another size.
type Flock struct {
	floaters []floater
	kinds    []kind
	chance   uint64
}

type floater struct {
	emoji string
	x, y  float64 // shares of the field; y is 0 at the bottom
	speed float64 // of the height, in a second
	top   float64 // where it ends
	sway  float64
}

// kind is an emoji whose floaters rise by themselves.
type kind struct {
	emoji     string
	rate, aim float64
	due       float64 // of the next floater, from 0 to 1
}

// Aim sets the rates that the flock shall come to; emojis that are not among them
// fade out. At most 24 kinds rise at once.
func (f Flock) Aim(rates []Rate) Flock {
	kinds := slices.Clone(f.kinds)
	for i := range kinds {
		kinds[i].aim = 0
	}
	for _, r := range rates[:min(len(rates), mostKinds)] {
		if !(r.PerS > 0) || math.IsInf(r.PerS, 1) {
			continue
		}
		if i := slices.IndexFunc(kinds, func(k kind) bool { return k.emoji == r.Emoji }); i >= 0 {
			kinds[i].aim = r.PerS
		} else if len(kinds) < 2*mostKinds {
			kinds = append(kinds, kind{emoji: r.Emoji, aim: r.PerS, due: 1}) // even a single one is seen
		}
	}
	f.kinds = kinds
	return f
}

// Launch lets one more emoji rise, at a share of the width; below 0: anywhere.
func (f Flock) Launch(emoji string, x float64) Flock {
	if x < 0 {
		x = f.random()
	}
	if len(f.floaters) < mostFloats {
		f.floaters = append(slices.Clip(f.floaters), f.hatch(emoji, x))
	}
	return f
}

func (f *Flock) hatch(emoji string, x float64) floater {
	speed := (0.75 + 0.5*f.random()) / ascent.Seconds()
	return floater{emoji: emoji, x: x, speed: speed, top: 1 - 0.45*f.random()*f.random(), sway: 2 * math.Pi * f.random()}
}

// random is a number from 0 to 1, from a sequence that is the same for every flock
// (splitmix64): a view is a function of what it was told.
func (f *Flock) random() float64 {
	f.chance += 0x9e3779b97f4a7c15
	z := f.chance
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return float64((z^z>>31)>>11) / (1 << 53)
}

// Moving says whether anything moves, or will.
func (f Flock) Moving() bool { return len(f.floaters) > 0 || len(f.kinds) > 0 }

// Step is the flock after a time, in a field of that many cells.
func (f Flock) Step(d time.Duration, cells int) Flock {
	dt := min(max(0, d), mostStep).Seconds()
	alive := make([]floater, 0, len(f.floaters)+4)
	for _, o := range f.floaters {
		if o.y += o.speed * dt; o.y < o.top {
			alive = append(alive, o)
		}
	}
	f.floaters = alive
	f.kinds = slices.Clone(f.kinds)
	wanted := 0.0
	for i := range f.kinds {
		k := &f.kinds[i]
		k.rate += (k.aim - k.rate) * (1 - math.Exp(-dt/easing.Seconds()))
		wanted += k.rate * ascent.Seconds()
	}
	ease := relief(wanted, float64(cells)/crowded)
	for i := range f.kinds {
		f.rise(&f.kinds[i], ease*dt)
	}
	f.kinds = slices.DeleteFunc(f.kinds, func(k kind) bool { return k.aim == 0 && k.rate < 0.05 })
	return f
}

// relief is by how much rates are turned down so that at most so many rise at once.
func relief(wanted, most float64) float64 {
	if wanted <= 0 || most <= 0 {
		return 0
	}
	return most * (1 - math.Exp(-wanted/most)) / wanted
}

// rise lets those floaters of a kind rise that come in a time.
func (f *Flock) rise(k *kind, dt float64) {
	for k.due += k.rate * dt; k.due >= 1; k.due-- {
		if len(f.floaters) < mostFloats {
			f.floaters = append(f.floaters, f.hatch(k.emoji, f.random()))
		}
	}
}

// Draw is the field as exactly height lines of exactly width columns; cell draws an
// emoji in size columns. Of two that are in each other's way the elder is drawn.
func (f Flock) Draw(width, height, size int, cell func(string) string) []string {
	if width < size || height < 1 {
		return draw.Block(nil, width, height)
	}
	taken := make([]int16, width*height) // 0: free, else the number of the floater that begins there, -1: its rest
	for i, o := range f.floaters {
		row := height - 1 - min(height-1, int(o.y*float64(height)))
		column := int(math.Round(o.x*float64(width-size) + math.Sin(o.sway+float64(row)/3)))
		column = min(width-size, max(0, column))
		cells := taken[row*width+column:][:size]
		if slices.ContainsFunc(cells, func(n int16) bool { return n != 0 }) {
			continue
		}
		for j := range cells {
			cells[j] = -1
		}
		cells[0] = int16(i + 1)
	}
	lines := make([]string, height)
	for row := range lines {
		lines[row] = f.line(taken[row*width:][:width], cell)
	}
	return lines
}

func (f Flock) line(taken []int16, cell func(string) string) string {
	var b strings.Builder
	for _, n := range taken {
		switch {
		case n == 0:
			b.WriteByte(' ')
		case n > 0:
			b.WriteString(cell(f.floaters[n-1].emoji))
		}
	}
	return b.String()
}
