// Package draw has the components of terminal screens: frames, bars, sparklines,
// emojis of a known width, and the theme. Each is a pure function that draws what it
// is given, within a width and a height.
package draw
