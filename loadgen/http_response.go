package loadgen

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/emostream/emostream/internal/sse"
)

// Greatest sizes of parts of a response, in bytes.
const (
	maxHeader = 64 << 10
	maxBody   = 16 << 20
)

var (
	errMalformed = errors.New("the answer is not HTTP/1.1")
	errClosed    = errors.New("the server closed the connection")
)

// responseReader reads HTTP/1 responses from one connection. It exists because
// net/http's client would take processor time that the target needs. It is strict:
// anything that is not exactly a response is an error, because the beginning of the
// next response would be unknown. Its buffer grows to the size of the largest response.
// A response's body stays valid until the next response is read.
type responseReader struct {
	from io.Reader
	buf  []byte
	r, w int    // buf[r:w] was read from the connection and is not used yet
	body []byte // a body that is not in one piece in buf
}

// response holds the parts of a response that matter here.
type response struct {
	status     int
	body       []byte        // valid until the next response is read
	keepAlive  bool          // another request may follow
	mayRest    time.Duration // how long the server keeps the connection without a request; 0: it does not say
	retryAfter time.Duration
	location   string
	cookies    []string // values of Set-Cookie
}

// responseHead holds the parts of a status line and header that matter here.
type responseHead struct {
	status      int
	keepAlive   bool
	closes      bool          // it has Connection: close
	mayRest     time.Duration // see response
	length      int64         // Content-Length; -1: there is none
	chunked     bool
	eventStream bool // its content type is text/event-stream
	retryAfter  time.Duration
	location    string
	cookies     []string // values of Set-Cookie
}

// next reads a response. It skips informational responses (1xx, except 101).
func (r *responseReader) next() (response, error) {
	h, err := r.head()
	for err == nil && h.status < 200 && h.status != 101 {
		h, err = r.head() // 100 Continue, 103 Early Hints
	}
	if err != nil {
		return response{}, err
	}
	res := response{status: h.status, keepAlive: h.keepAlive, mayRest: h.mayRest, retryAfter: h.retryAfter, location: h.location, cookies: h.cookies}
	r.body = r.body[:0]
	switch {
	case h.status == 204 || h.status == 304:
	case h.chunked:
		err = r.readChunks()
	case h.length >= 0:
		return res, r.readLength(&res, int(h.length))
	default:
		res.keepAlive = false
		err = r.readToEnd()
	}
	res.body = r.body
	return res, err
}

// head reads and parses the status line and the header.
func (r *responseReader) head() (responseHead, error) {
	scanned := 0
	for {
		// The end of the header may have begun in the bytes scanned before.
		from := r.r + max(0, scanned-3)
		if i := bytes.Index(r.buf[from:r.w], []byte("\r\n\r\n")); i >= 0 {
			h, err := parseHead(r.buf[r.r : from+i+2])
			r.r = from + i + 4
			return h, err
		}
		scanned = r.w - r.r
		if isHTTP2(r.buf[r.r:r.w]) {
			return responseHead{}, errHTTP2
		}
		if scanned > maxHeader {
			return responseHead{}, fmt.Errorf("%w: its header has more than %d bytes", errMalformed, maxHeader)
		}
		if err := r.fill(); err != nil {
			if errors.Is(err, io.EOF) && scanned > 0 {
				err = fmt.Errorf("%w within an answer", errClosed)
			}
			return responseHead{}, closedError(err)
		}
	}
}

// closedError returns errClosed if err is an end of file, and else err.
func closedError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errClosed
	}
	return err
}

// fill reads more from the connection.
func (r *responseReader) fill() error {
	if r.r == r.w {
		r.r, r.w = 0, 0
	}
	if r.w == len(r.buf) {
		if r.r > 0 {
			r.w = copy(r.buf, r.buf[r.r:r.w])
			r.r = 0
		} else {
			r.buf = append(r.buf, make([]byte, max(2048, len(r.buf)))...)
		}
	}
	n, err := r.from.Read(r.buf[r.w:])
	r.w += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// readLength reads a body of n bytes. The body stays in buf.
func (r *responseReader) readLength(res *response, n int) error {
	if n > maxBody {
		return fmt.Errorf("%w: a body of %d bytes", errMalformed, n)
	}
	for r.w-r.r < n {
		if err := r.fill(); err != nil {
			return closedError(err)
		}
	}
	res.body = r.buf[r.r : r.r+n]
	r.r += n
	return nil
}

// readToEnd reads a body that ends when the server closes the connection.
func (r *responseReader) readToEnd() error {
	for {
		r.body = append(r.body, r.buf[r.r:r.w]...)
		r.r = r.w
		if len(r.body) > maxBody {
			return fmt.Errorf("%w: a body of more than %d bytes", errMalformed, maxBody)
		}
		if err := r.fill(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// readChunks reads a body in chunks, and its trailer.
func (r *responseReader) readChunks() error {
	var c chunkDecoder
	for !c.done {
		if r.r == r.w {
			if err := r.fill(); err != nil {
				return closedError(err)
			}
		}
		out, used, err := c.decode(r.buf[r.r:r.w])
		if err != nil {
			return err
		}
		r.body = append(r.body, out...)
		r.r += used
		if len(r.body) > maxBody {
			return fmt.Errorf("%w: a body of more than %d bytes", errMalformed, maxBody)
		}
	}
	return nil
}

// parseHead reads a status line and header lines, each with its line end.
func parseHead(b []byte) (responseHead, error) {
	h := responseHead{length: -1}
	if bytes.Count(b, []byte("\n")) != bytes.Count(b, []byte("\r\n")) {
		return h, fmt.Errorf("%w: a line of its header ends without CR", errMalformed)
	}
	line, b, _ := bytes.Cut(b, []byte("\r\n"))
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) || line[8] != ' ' || line[7] != '0' && line[7] != '1' {
		return h, fmt.Errorf("%w: it begins with %.40q", errMalformed, line)
	}
	h.keepAlive = line[7] == '1'
	status, ok := parseDigits(line[9:12], 10)
	if !ok || status < 100 || len(line) > 12 && line[12] != ' ' {
		return h, fmt.Errorf("%w: it begins with %.40q", errMalformed, line)
	}
	h.status = int(status)
	for len(b) > 0 {
		line, b, _ = bytes.Cut(b, []byte("\r\n"))
		name, value, found := bytes.Cut(line, []byte(":"))
		if !found || len(name) == 0 || bytes.ContainsAny(name, " \t") {
			return h, fmt.Errorf("%w: header line %.40q", errMalformed, line)
		}
		if err := h.field(name, bytes.Trim(value, " \t")); err != nil {
			return h, err
		}
	}
	if h.chunked && h.length >= 0 {
		return h, fmt.Errorf("%w: it says both its length and that it is chunked", errMalformed)
	}
	return h, nil
}

// field processes one header line. Only eight names matter.
func (h *responseHead) field(name, value []byte) error {
	switch len(name) { // comparing lengths is cheaper than comparing each line with each name
	case len("Location"):
		if bytes.EqualFold(name, []byte("Location")) {
			h.location = string(value)
		}
	case len("Connection"): // and of Keep-Alive and Set-Cookie
		switch {
		case bytes.EqualFold(name, []byte("Connection")):
			h.connection(value)
		case bytes.EqualFold(name, []byte("Keep-Alive")):
			h.mayRest = keepAliveTimeout(value)
		case bytes.EqualFold(name, []byte("Set-Cookie")):
			h.cookies = append(h.cookies, string(value))
		}
	case len("Retry-After"):
		if bytes.EqualFold(name, []byte("Retry-After")) {
			h.retryAfter = sse.RetryAfter(string(value))
		}
	case len("Content-Type"):
		if bytes.EqualFold(name, []byte("Content-Type")) {
			kind, _, _ := bytes.Cut(value, []byte(";"))
			h.eventStream = bytes.EqualFold(bytes.TrimSpace(kind), []byte("text/event-stream"))
		}
	case len("Content-Length"):
		if bytes.EqualFold(name, []byte("Content-Length")) {
			n, ok := parseDigits(value, 10)
			if !ok || h.length >= 0 && h.length != n {
				return fmt.Errorf("%w: its length is %.40q", errMalformed, value)
			}
			h.length = n
		}
	case len("Transfer-Encoding"):
		if bytes.EqualFold(name, []byte("Transfer-Encoding")) {
			if h.chunked = bytes.EqualFold(value, []byte("chunked")); !h.chunked {
				return fmt.Errorf("%w: its transfer encoding is %.40q", errMalformed, value)
			}
		}
	}
	return nil
}

// connection processes the options of a Connection line (RFC 9110, section 7.6.1).
func (h *responseHead) connection(options []byte) {
	for option := range bytes.SplitSeq(options, []byte(",")) {
		option = bytes.Trim(option, " \t")
		switch {
		case bytes.EqualFold(option, []byte("close")):
			h.keepAlive, h.closes = false, true
		case bytes.EqualFold(option, []byte("keep-alive")):
			h.keepAlive = !h.closes
		}
	}
}

// keepAliveTimeout returns the timeout of a Keep-Alive line such as "timeout=5, max=100",
// or 0 if it has none.
func keepAliveTimeout(parameters []byte) time.Duration {
	for p := range bytes.SplitSeq(parameters, []byte(",")) {
		name, value, _ := bytes.Cut(p, []byte("="))
		seconds, ok := parseDigits(bytes.Trim(value, " \t\""), 10)
		if ok && bytes.EqualFold(bytes.Trim(name, " \t"), []byte("timeout")) {
			return time.Duration(min(seconds, 3600)) * time.Second
		}
	}
	return 0
}

// parseDigits parses a number of 1 to 15 digits without a sign.
func parseDigits(b []byte, base int64) (int64, bool) {
	if len(b) == 0 || len(b) > 15 {
		return 0, false
	}
	n := int64(0)
	for _, c := range b {
		var d int64
		switch {
		case c >= '0' && c <= '9':
			d = int64(c - '0')
		case base == 16 && c >= 'a' && c <= 'f':
			d = int64(c-'a') + 10
		case base == 16 && c >= 'A' && c <= 'F':
			d = int64(c-'A') + 10
		default:
			return 0, false
		}
		n = n*base + d
	}
	return n, true
}
