// Package tui draws on terminals. A view is a pure function of its model, made of
// components that are functions too: the sparkline, the bar, the frame and the
// theme know nothing of what they show. Models take messages in and give models
// out; whoever runs one hands in the terminal.
//
// Everything stays within the width and height that it is given, down to a few
// columns, and foreign text is cleaned before it is drawn.
package tui
