// Package tui has the programs that take the whole terminal: Crowd, in which people tap
// and watch; Dashboard, which shows a running pipeline; Bench, which shows a load test;
// and TextPage, which shows text that changes.
//
// Each is a model of Bubble Tea. A model is a value: Update returns a new model, and
// View is a pure function that draws it with the components of package draw. The Show
// functions run a model on a Terminal and then restore the terminal.
//
// A screen is never larger than the terminal, whatever its size. Foreign text is
// cleaned before it is drawn.
package tui
