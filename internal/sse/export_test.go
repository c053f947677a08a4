package sse

import "io"

// WithoutComments returns what is read of a stream once its comments are dropped.
func WithoutComments(stream io.Reader) io.Reader {
	return &withoutComments{ReadCloser: io.NopCloser(stream)}
}
