package fanout

import (
	"bytes"
	"fmt"
)

// frame is one or more events, or a line that stands in front of the next one (a comment
// or retry:), as one chunk of HTTP/1.1. Some clients pass a stream on chunk by chunk,
// such as Python's requests; with them too a frame arrives whole and at once. A frame
// never changes, and all listeners that are sent it share its memory.
type frame []byte

// chunkHeadSize is the length of what a chunk begins with: its size and a line end.
const chunkHeadSize = len("00000000\r\n")

// lastChunk ends a stream of chunks.
const lastChunk = "0\r\n\r\n"

// newFrame returns a frame of what appendTo appends, or nil if that is nothing.
func newFrame(appendTo func([]byte) []byte) frame {
	b := appendTo(make([]byte, chunkHeadSize))
	size := len(b) - chunkHeadSize
	if size == 0 {
		return nil
	}
	copy(b, fmt.Sprintf("%08x\r\n", size))
	return bytes.Clone(append(b, "\r\n"...)) // without the room that appending has left
}

// bytes returns the frame without the head and the end of its chunk.
func (f frame) bytes() []byte {
	if len(f) == 0 {
		return nil
	}
	return f[chunkHeadSize : len(f)-len("\r\n")]
}
