//go:build !contract

package main

import "context"

// background returns the context in which the program runs. A program of tests that is built
// with the tag contract has another one.
func background() context.Context { return context.Background() }
