// Package tui has the programs that take the whole terminal: Crowd, in which people
// tap and watch; Dashboard, which shows a running pipeline; Bench, which shows a load
// test; and TextPage, which shows lines of text that change.
//
// Each is a model of Bubble Tea. A model is a value: Update returns a new one, and
// View is a pure function of it, made of the components of package draw. The Show
// functions run a model on a Terminal and leave the terminal as they found it.
//
// A screen is never larger than the terminal, at any size. Foreign text is cleaned
// before it is drawn.
package tui
