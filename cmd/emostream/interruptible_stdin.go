package main

import (
	"context"
	"io"
)

// untilDone returns a reader of in that fails once ctx ends. A read of a terminal cannot
// be interrupted: it goes on in the background until the program ends.
func untilDone(ctx context.Context, in io.Reader) *io.PipeReader {
	out, from := io.Pipe()
	go func() {
		_, err := io.CopyBuffer(from, in, make([]byte, 64<<10))
		_ = from.CloseWithError(err)
	}()
	context.AfterFunc(ctx, func() { _ = out.CloseWithError(ctx.Err()) })
	return out
}
