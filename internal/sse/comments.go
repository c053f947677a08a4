package sse

import "io"

// withoutComments is a stream without its comments. Keep-alives stand in front of the
// next event, and that may be weeks away. The parser would hold them all until then, and
// count them to the size of the event.
type withoutComments struct {
	io.ReadCloser
	midLine   bool // the last byte that was passed on did not end a line
	inComment bool
	skipLF    bool // a comment ended in CR, so that LF is of the same line end
}

func (s *withoutComments) Read(p []byte) (int, error) {
	for {
		n, err := s.ReadCloser.Read(p)
		if n = s.keep(p[:n]); n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
	}
}

// keep moves what is to be passed on to the front of b, and returns its length. Comments
// after a line that ends in CR alone are passed on: without them that CR and the end of
// the comment could become one line end.
func (s *withoutComments) keep(b []byte) (n int) {
	for _, c := range b {
		switch {
		case s.inComment:
			s.inComment, s.skipLF = c != '\n' && c != '\r', c == '\r'
		case s.skipLF && c == '\n':
			s.skipLF = false
		case !s.midLine && c == ':':
			s.inComment = true
		default:
			b[n] = c
			n++
			s.midLine, s.skipLF = c != '\n', false
		}
	}
	return n
}
