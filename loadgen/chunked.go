package loadgen

import (
	"bytes"
	"fmt"
)

// chunked takes the chunk lines out of a body, whatever pieces it comes in. It
// works in place and keeps next to nothing, since every listener has one.
type chunked struct {
	left  int64 // of the chunk that is under way
	line  []byte
	state chunkState
	done  bool
}

type chunkState uint8

const (
	chunkSize chunkState = iota // within the line that says a chunk's size
	chunkData
	chunkEnd // within the line end after a chunk
	trailer  // after the last chunk, up to an empty line
)

// mostLine bounds a chunk line and a trailer line, in bytes.
const mostLine = 4096

// decode moves the content of in to its front, returns it, and how much of in was
// used: all, unless the body ended.
func (c *chunked) decode(in []byte) (out []byte, used int, err error) {
	w := 0
	for used < len(in) && !c.done {
		if c.state == chunkData {
			n := int(min(c.left, int64(len(in)-used)))
			w += copy(in[w:], in[used:used+n])
			used += n
			if c.left -= int64(n); c.left == 0 {
				c.state = chunkEnd
			}
			continue
		}
		n := bytes.IndexByte(in[used:], '\n')
		if n < 0 {
			c.line = append(c.line, in[used:]...)
			used = len(in)
		} else {
			line := in[used : used+n+1]
			used += n + 1
			if len(c.line) > 0 {
				line = append(c.line, line...)
				c.line = nil
			}
			if err := c.end(line); err != nil {
				return in[:w], used, err
			}
		}
		if len(c.line) > mostLine {
			return in[:w], used, fmt.Errorf("%w: a chunk line of more than %d bytes", errMalformed, mostLine)
		}
	}
	return in[:w], used, nil
}

// end takes in a line that is not content.
func (c *chunked) end(line []byte) error {
	text, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok {
		return fmt.Errorf("%w: a chunk line ends without CR", errMalformed)
	}
	switch c.state {
	case chunkEnd:
		if len(text) > 0 {
			return fmt.Errorf("%w: a chunk is longer than it said", errMalformed)
		}
		c.state = chunkSize
	case trailer:
		c.done = len(text) == 0
	default:
		digits, _, _ := bytes.Cut(text, []byte(";"))
		n, ok := number(bytes.TrimRight(digits, " \t"), 16)
		if !ok {
			return fmt.Errorf("%w: a chunk of %.20q bytes", errMalformed, digits)
		}
		c.left, c.state = n, chunkData
		if n == 0 {
			c.state = trailer
		}
	}
	return nil
}
