package fanout

import "fmt"

// frame is what is told at once, as a chunk of HTTP/1.1: some clients, such as
// Python's requests, pass a stream on chunk by chunk, and without chunks only when
// a buffer is full. It never changes, and is shared by all who are told it.
type frame []byte

// chunkHead is the length of what a chunk begins with: its size, and a line's end.
const chunkHead = len("00000000\r\n")

// lastChunk ends a stream of chunks.
const lastChunk = "0\r\n\r\n"

// newFrame makes a frame of what is appended; nil if that is nothing.
func newFrame(appendTo func([]byte) []byte) frame {
	b := appendTo(make([]byte, chunkHead))
	size := len(b) - chunkHead
	if size == 0 {
		return nil
	}
	copy(b, fmt.Sprintf("%08x\r\n", size))
	return append(b, "\r\n"...)
}

// bytes are what the frame tells, without the chunk around it.
func (f frame) bytes() []byte {
	if len(f) == 0 {
		return nil
	}
	return f[chunkHead : len(f)-len("\r\n")]
}
