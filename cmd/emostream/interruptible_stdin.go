package main

import (
	"context"
	"io"
)

// untilDone returns a reader that reads from in until ctx ends, and fails then. A read
// of a terminal cannot be interrupted, so it goes on in the background until the
// program ends.
func untilDone(ctx context.Context, in io.Reader) *io.PipeReader {
	out, from := io.Pipe()
	go func() {
		_, err := io.CopyBuffer(from, in, make([]byte, 64<<10))
		_ = from.CloseWithError(err)
	}()
	context.AfterFunc(ctx, func() { _ = out.CloseWithError(ctx.Err()) })
	return out
}
