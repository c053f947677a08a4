package loadgen

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/emostream/emostream/internal/sse"
)

// Bounds of an answer, in bytes.
const (
	mostHeader = 64 << 10
	mostBody   = 16 << 20
)

var (
	errMalformed = errors.New("the answer is not HTTP/1.1")
	errClosed    = errors.New("the server closed the connection")
)

// reader reads answers from one connection. It is strict: what is not exactly an
// answer is an error, and then nobody knows where the next one would begin. Its
// buffer grows to what the largest answer needed; an answer points into it until
// the next one is read.
type reader struct {
	from io.Reader
	buf  []byte
	r, w int // what was read and not used
	body []byte
}

// answer is the head of an answer and its body.
type answer struct {
	status int
	body   []byte // until the next answer is read
	keep   bool   // another request may follow
	after  time.Duration
}

// head is what the header said.
type head struct {
	status  int
	keep    bool
	length  int64 // -1: not said
	chunked bool
	stream  bool // text/event-stream
	after   time.Duration
}

// next reads an answer.
func (r *reader) next() (answer, error) {
	h, err := r.head()
	for err == nil && h.status < 200 && h.status != 101 {
		h, err = r.head() // 100 Continue, 103 Early Hints
	}
	if err != nil {
		return answer{}, err
	}
	a := answer{status: h.status, keep: h.keep, after: h.after}
	r.body = r.body[:0]
	switch {
	case h.status == 204 || h.status == 304:
	case h.chunked:
		err = r.chunks()
	case h.length >= 0:
		return a, r.whole(&a, int(h.length))
	default:
		a.keep = false
		err = r.rest()
	}
	a.body = r.body
	return a, err
}

// head reads up to the empty line.
func (r *reader) head() (head, error) {
	scanned := 0
	for {
		// The first bytes of the end may be in what was scanned before.
		from := r.r + max(0, scanned-3)
		if i := bytes.Index(r.buf[from:r.w], []byte("\r\n\r\n")); i >= 0 {
			h, err := parseHead(r.buf[r.r : from+i+2])
			r.r = from + i + 4
			return h, err
		}
		scanned = r.w - r.r
		if scanned > mostHeader {
			return head{}, fmt.Errorf("%w: its header has more than %d bytes", errMalformed, mostHeader)
		}
		if err := r.fill(); err != nil {
			if errors.Is(err, io.EOF) && scanned > 0 {
				err = fmt.Errorf("%w within an answer", errClosed)
			}
			return head{}, closed(err)
		}
	}
}

// closed gives an end of file its name.
func closed(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errClosed
	}
	return err
}

// fill reads more.
func (r *reader) fill() error {
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

// whole is a body of n bytes, in place where it fits.
func (r *reader) whole(a *answer, n int) error {
	if n > mostBody {
		return fmt.Errorf("%w: a body of %d bytes", errMalformed, n)
	}
	for r.w-r.r < n {
		if err := r.fill(); err != nil {
			return closed(err)
		}
	}
	a.body = r.buf[r.r : r.r+n]
	r.r += n
	return nil
}

// rest is a body that ends with the connection.
func (r *reader) rest() error {
	for {
		r.body = append(r.body, r.buf[r.r:r.w]...)
		r.r = r.w
		if len(r.body) > mostBody {
			return fmt.Errorf("%w: a body of more than %d bytes", errMalformed, mostBody)
		}
		if err := r.fill(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// chunks is a body in chunks, with its trailer.
func (r *reader) chunks() error {
	var c chunked
	for !c.done {
		if r.r == r.w {
			if err := r.fill(); err != nil {
				return closed(err)
			}
		}
		out, used, err := c.decode(r.buf[r.r:r.w])
		if err != nil {
			return err
		}
		r.body = append(r.body, out...)
		r.r += used
		if len(r.body) > mostBody {
			return fmt.Errorf("%w: a body of more than %d bytes", errMalformed, mostBody)
		}
	}
	return nil
}

// parseHead reads a status line and header lines, each with its line end.
func parseHead(b []byte) (head, error) {
	h := head{length: -1}
	if bytes.Count(b, []byte("\n")) != bytes.Count(b, []byte("\r\n")) {
		return h, fmt.Errorf("%w: a line of its header ends without CR", errMalformed)
	}
	line, b, _ := bytes.Cut(b, []byte("\r\n"))
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) || line[8] != ' ' || line[7] != '0' && line[7] != '1' {
		return h, fmt.Errorf("%w: it begins with %.40q", errMalformed, line)
	}
	h.keep = line[7] == '1'
	status, ok := number(line[9:12], 10)
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

// field takes one header line in. Only five matter.
func (h *head) field(name, value []byte) error {
	switch len(name) { // cheaper than to compare each line with each name
	case len("Connection"):
		if bytes.EqualFold(name, []byte("Connection")) {
			h.keep = h.keep && !bytes.EqualFold(value, []byte("close")) || bytes.EqualFold(value, []byte("keep-alive"))
		}
	case len("Retry-After"):
		if bytes.EqualFold(name, []byte("Retry-After")) {
			h.after = sse.RetryAfter(string(value))
		}
	case len("Content-Type"):
		if bytes.EqualFold(name, []byte("Content-Type")) {
			kind, _, _ := bytes.Cut(value, []byte(";"))
			h.stream = bytes.EqualFold(bytes.TrimSpace(kind), []byte("text/event-stream"))
		}
	case len("Content-Length"):
		if bytes.EqualFold(name, []byte("Content-Length")) {
			n, ok := number(value, 10)
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

// number reads digits, and nothing but digits.
func number(b []byte, base int64) (int64, bool) {
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
