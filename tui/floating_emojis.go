package tui

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/emostream/emostream/tui/draw"
)

// Speeds and bounds of floating emojis.
const (
	riseTime     = 3500 * time.Millisecond // from the bottom of the field to its top, at mean speed
	rateEasing   = 600 * time.Millisecond  // time constant with which a rate changes to its target
	minCellsEach = 7                       // cells of the field for each emoji when the field is fullest
	maxFloating  = 400                     // most emojis on the field
	maxKinds     = 24                      // most kinds of emojis that rise at once, without those that fade out
	maxStep      = 250 * time.Millisecond  // longest time of one step: after a suspension the view does not catch up
)

// RiseRate says how many of an emoji shall rise in a second.
type RiseRate struct {
	Emoji     string
	PerSecond float64
}

// Floating holds the emojis that float up a field, and the rates at which they rise.
// Rates change gradually. If the field would get too full, all rates are reduced by the
// same factor. Positions are shares of the field, so the field may change its size.
type Floating struct {
	emojis      []floatingEmoji
	rates       []emojiRate
	randomState uint64
}

type floatingEmoji struct {
	emoji string
	x, y  float64 // shares of the field; y is 0 at the bottom
	speed float64 // share of the height, a second
	top   float64 // the height at which it vanishes
	sway  float64 // phase of the sideways motion, in radians
}

// emojiRate is how often an emoji rises.
type emojiRate struct {
	emoji        string
	rate, target float64
	progress     float64 // progress towards the next emoji, from 0 to 1
}

// SetRates sets the targets of the rates. The rate of an emoji that is not listed falls
// to 0. At most maxKinds emojis rise at once.
func (f Floating) SetRates(rates []RiseRate) Floating {
	kinds := slices.Clone(f.rates)
	for i := range kinds {
		kinds[i].target = 0
	}
	for _, r := range rates[:min(len(rates), maxKinds)] {
		if !(r.PerSecond > 0) || math.IsInf(r.PerSecond, 1) {
			continue
		}
		if i := slices.IndexFunc(kinds, func(k emojiRate) bool { return k.emoji == r.Emoji }); i >= 0 {
			kinds[i].target = r.PerSecond
		} else if len(kinds) < 2*maxKinds {
			kinds = append(kinds, emojiRate{emoji: r.Emoji, target: r.PerSecond, progress: 1}) // the first emoji rises at once
		}
	}
	f.rates = kinds
	return f
}

// Launch lets one more emoji rise. x is its position as a share of the width; below 0
// it means a random position.
func (f Floating) Launch(emoji string, x float64) Floating {
	if x < 0 {
		x = f.random()
	}
	if len(f.emojis) < maxFloating {
		f.emojis = append(slices.Clip(f.emojis), f.newEmoji(emoji, x))
	}
	return f
}

// Without returns the field without one kind of emoji.
func (f Floating) Without(emoji string) Floating {
	f.emojis = slices.DeleteFunc(slices.Clone(f.emojis), func(o floatingEmoji) bool { return o.emoji == emoji })
	f.rates = slices.DeleteFunc(slices.Clone(f.rates), func(k emojiRate) bool { return k.emoji == emoji })
	return f
}

func (f *Floating) newEmoji(emoji string, x float64) floatingEmoji {
	speed := (0.75 + 0.5*f.random()) / riseTime.Seconds()
	return floatingEmoji{emoji: emoji, x: x, speed: speed, top: 1 - 0.45*f.random()*f.random(), sway: 2 * math.Pi * f.random()}
}

// random returns the next number from 0 to 1 of a fixed sequence (splitmix64). So a
// view depends only on its messages.
func (f *Floating) random() float64 {
	f.randomState += 0x9e3779b97f4a7c15
	z := f.randomState
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return float64((z^z>>31)>>11) / (1 << 53)
}

// Moving returns whether emojis float or will rise.
func (f Floating) Moving() bool { return len(f.emojis) > 0 || len(f.rates) > 0 }

// Step advances the emojis by the time d, in a field with that many cells.
func (f Floating) Step(d time.Duration, cells int) Floating {
	dt := min(max(0, d), maxStep).Seconds()
	alive := make([]floatingEmoji, 0, len(f.emojis)+4)
	for _, o := range f.emojis {
		if o.y += o.speed * dt; o.y < o.top {
			alive = append(alive, o)
		}
	}
	f.emojis = alive
	f.rates = slices.Clone(f.rates)
	wanted := 0.0
	for i := range f.rates {
		k := &f.rates[i]
		k.rate += (k.target - k.rate) * (1 - math.Exp(-dt/rateEasing.Seconds()))
		wanted += k.rate * riseTime.Seconds()
	}
	ease := slowdown(wanted, float64(cells)/minCellsEach)
	for i := range f.rates {
		f.launchDue(&f.rates[i], ease*dt)
	}
	f.rates = slices.DeleteFunc(f.rates, func(k emojiRate) bool { return k.target == 0 && k.rate < 0.05 })
	return f
}

// slowdown returns the factor by which all rates are reduced. Without it, wanted emojis
// would float at once; with it, at most limit do.
func slowdown(wanted, limit float64) float64 {
	if wanted <= 0 || limit <= 0 {
		return 0
	}
	return limit * (1 - math.Exp(-wanted/limit)) / wanted
}

// launchDue launches the emojis of one kind that are due within dt seconds.
func (f *Floating) launchDue(k *emojiRate, dt float64) {
	for k.progress += k.rate * dt; k.progress >= 1; k.progress-- {
		if len(f.emojis) < maxFloating {
			f.emojis = append(f.emojis, f.newEmoji(k.emoji, f.random()))
		}
	}
}

// Draw returns the field as exactly height lines of exactly width columns. cell draws
// an emoji in size columns. Where two emojis overlap, the older one is drawn.
func (f Floating) Draw(width, height, size int, cell func(string) string) []string {
	if width < size || height < 1 {
		return draw.Block(nil, width, height)
	}
	taken := make([]int16, width*height) // 0: free; n: left end of the n-th emoji; -1: another part of an emoji
	for i, o := range f.emojis {
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

func (f Floating) line(taken []int16, cell func(string) string) string {
	var b strings.Builder
	for _, n := range taken {
		switch {
		case n == 0:
			b.WriteByte(' ')
		case n > 0:
			b.WriteString(cell(f.emojis[n-1].emoji))
		}
	}
	return b.String()
}
