// Package draw has the components of terminal screens: frames, bars, sparklines, emojis
// of a known width, and the theme. Each component is a pure function that draws its
// arguments within a width and a height.
package draw
