package loadgen

import (
	"bytes"
	"fmt"
)

// chunkDecoder takes the content out of a chunked body that arrives in pieces. It works
// in place and keeps little memory, since every listener has one. The decoder of
// net/http would need a reader and a buffer for each.
type chunkDecoder struct {
	remaining int64  // bytes that are left of the current chunk
	line      []byte // the beginning of an unfinished line that is not content
	state     chunkState
	done      bool // the body has ended
}

type chunkState uint8

const (
	chunkSize chunkState = iota // within the line that says a chunk's size
	chunkData
	chunkEnd // within the line end after a chunk
	trailer  // after the last chunk, up to an empty line
)

// maxChunkLine is the greatest length of a chunk line or a trailer line, in bytes.
const maxChunkLine = 4096

// decode moves the content of in to its front and returns it. used is how many bytes of
// in belong to the body: all, unless the body ended.
func (c *chunkDecoder) decode(in []byte) (out []byte, used int, err error) {
	w := 0
	for used < len(in) && !c.done {
		if c.state == chunkData {
			n := int(min(c.remaining, int64(len(in)-used)))
			w += copy(in[w:], in[used:used+n])
			used += n
			if c.remaining -= int64(n); c.remaining == 0 {
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
			if err := c.endLine(line); err != nil {
				return in[:w], used, err
			}
		}
		if len(c.line) > maxChunkLine {
			return in[:w], used, fmt.Errorf("%w: a chunk line of more than %d bytes", errMalformed, maxChunkLine)
		}
	}
	return in[:w], used, nil
}

// endLine processes a complete line that is not content.
func (c *chunkDecoder) endLine(line []byte) error {
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
		n, ok := parseDigits(bytes.TrimRight(digits, " \t"), 16)
		if !ok {
			return fmt.Errorf("%w: a chunk of %.20q bytes", errMalformed, digits)
		}
		c.remaining, c.state = n, chunkData
		if n == 0 {
			c.state = trailer
		}
	}
	return nil
}
