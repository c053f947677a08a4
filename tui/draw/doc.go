// Package draw is the components that the screens of package tui are made of:
// frames, bars, sparklines, emojis in two cells, numbers, and the theme. Each is a
// function of what it is given, knows nothing of what it shows, and stays within
// its width and height.
package draw
