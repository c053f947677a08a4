// Package tui is the programs that take the whole terminal: the crowd, the
// dashboard of a pipeline, the live view of a load test. A view is a pure function
// of its model, made of the components of package draw. Models take messages in
// and give models out; whoever runs one hands in the terminal.
//
// Everything stays within the width and height that it is given, down to a few
// columns, and foreign text is cleaned before it is drawn.
package tui
