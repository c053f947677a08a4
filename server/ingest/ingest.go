// Package ingest takes reactions in over HTTP and puts them into the log. It
// answers 200 only when the log has acknowledged a reaction; what it refuses, it
// refuses by name, and what it cannot be sure of it calls in doubt.
package ingest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/emostream/emostream/internal/emoji"
	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// Log is where reactions go.
type Log interface {
	// Append puts records into the log together and returns when they are
	// there. Its error wraps stream.ErrNotWritten or stream.ErrInDoubt. It does
	// not keep the records.
	Append(ctx context.Context, records []stream.Record) error
}

// Limits of requests.
const (
	maxSingle = 16 << 10 // bytes of one reaction
	maxArray  = 4 << 20  // bytes of an array
	maxItems  = 10_000   // reactions in an array
	maxErrors = 100      // errors listed in the answer to a stream

	chunkRecords = 5_000     // records appended at once
	chunkBytes   = 512 << 10 // bytes of their values
)

// Config says where reactions go and what is accepted.
type Config struct {
	Log Log
	// MaxChannels is how many channels may be active at once; default 1,000. A
	// channel is active for a minute after its last reaction.
	MaxChannels int
	// Allowed narrows the emojis that are accepted; empty: all.
	Allowed []emoji.Emoji

	Logger  *slog.Logger
	Metrics prometheus.Registerer // nil: none
}

// Handler serves the calls that take reactions in.
type Handler struct {
	cfg      Config
	allowed  map[string]bool
	channels channels
	accepted prometheus.Counter
	refused  *prometheus.CounterVec

	mu   sync.Mutex
	last time.Time // of the last acceptance
}

// New returns a handler.
func New(cfg Config) *Handler {
	if cfg.MaxChannels == 0 {
		cfg.MaxChannels = 1000
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	f := promauto.With(cfg.Metrics)
	h := &Handler{
		cfg:      cfg,
		channels: channels{limit: cfg.MaxChannels},
		accepted: f.NewCounter(prometheus.CounterOpts{Name: "emostream_reactions_accepted_total", Help: "Reactions that the log has acknowledged."}),
		refused: f.NewCounterVec(prometheus.CounterOpts{
			Name: "emostream_reactions_refused_total", Help: "Requests, or items of one, that were refused, by the code of the answer.",
		}, []string{"code"}),
	}
	if len(cfg.Allowed) > 0 {
		h.allowed = map[string]bool{}
		for _, e := range cfg.Allowed {
			h.allowed[string(e)] = true
		}
	}
	return h
}

// LastAccepted is when a reaction was last accepted; zero if none was.
func (h *Handler) LastAccepted() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last
}

// Routes adds the calls to a mux.
func (h *Handler) Routes(mux *http.ServeMux) {
	mux.Handle("/send_emoji", httpserve.Methods(h.sendEmoji, http.MethodPost))
	mux.Handle("/v1/reactions", httpserve.Methods(h.reactions, http.MethodPost))
}

// sendEmoji takes one reaction, as the Python system did.
func (h *Handler) sendEmoji(w http.ResponseWriter, r *http.Request) {
	h.single(w, r, maxSingle)
}

// reactions takes one reaction, an array of them, or a stream of lines.
func (h *Handler) reactions(w http.ResponseWriter, r *http.Request) {
	if mediaType(r) == "application/x-ndjson" {
		h.lines(w, r)
		return
	}
	h.single(w, r, maxArray)
}

func (h *Handler) single(w http.ResponseWriter, r *http.Request, limit int64) {
	body, problem := read(w, r, limit)
	if problem != nil {
		h.refuse(w, r, problem)
		return
	}
	if limit == maxArray && bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")) {
		h.array(w, r, body)
		return
	}
	one, problem := h.parse(body)
	if problem != nil {
		h.refuse(w, r, problem)
		return
	}
	now := time.Now()
	if err := h.append(r.Context(), records(nil, one, now.UnixMilli()), now); err != nil {
		h.refuse(w, r, logProblem(err))
		return
	}
	httpserve.WriteJSON(w, http.StatusOK, struct {
		Status     string `json:"status"`
		AcceptedAt string `json:"accepted_at"`
	}{"Message queued", stamp(now.UnixMilli())})
}

// parse reads one tap and applies what the operator has narrowed.
func (h *Handler) parse(b []byte) (reaction, *httpserve.Problem) {
	one, problem := parse(b)
	if problem != nil {
		return one, problem
	}
	if h.allowed != nil && !h.allowed[one.Emoji] {
		return one, httpserve.Problemf(http.StatusUnprocessableEntity, "emoji_not_allowed", "emoji_type: %s is not one of those that this server takes", one.Emoji)
	}
	if !h.channels.admit(one.Channel, time.Now()) {
		return one, httpserve.Problemf(http.StatusUnprocessableEntity, "too_many_channels",
			"channel %q would be one more than the %d that may be active at once: use an active one, or wait a minute", one.Channel, h.cfg.MaxChannels)
	}
	return one, nil
}

// item is the outcome of one reaction in an array.
type item struct {
	AcceptedAt string `json:"accepted_at,omitempty"`
	Error      string `json:"error,omitempty"`
	Code       string `json:"code,omitempty"`
}

func (h *Handler) array(w http.ResponseWriter, r *http.Request, body []byte) {
	if !utf8.Valid(body) {
		h.refuse(w, r, httpserve.Problemf(http.StatusBadRequest, "invalid_utf8", "the body is not valid UTF-8: encode the JSON text as UTF-8"))
		return
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(body, &raw); err != nil {
		h.refuse(w, r, badJSON(body, err))
		return
	}
	if len(raw) > maxItems {
		h.refuse(w, r, httpserve.Problemf(http.StatusRequestEntityTooLarge, "too_many_items",
			"the array has %d reactions and %d are allowed: send several, or one a line as application/x-ndjson", len(raw), maxItems))
		return
	}
	out := struct {
		Accepted int    `json:"accepted"`
		Rejected int    `json:"rejected"`
		Results  []item `json:"results"`
	}{Results: make([]item, len(raw))}
	var lost *httpserve.Problem // why the log did not take some
	c := chunk{handler: h, done: func(i int, at int64, p *httpserve.Problem) {
		if p == nil {
			out.Accepted++
			out.Results[i] = item{AcceptedAt: stamp(at)}
			return
		}
		out.Rejected++
		out.Results[i] = item{Error: p.Message, Code: p.Code}
		if p.Status == http.StatusServiceUnavailable {
			lost = p
		}
	}}
	for i, b := range raw {
		c.add(r.Context(), i, b)
	}
	c.flush(r.Context())
	switch {
	case out.Accepted > 0 || len(raw) == 0:
		httpserve.WriteJSON(w, http.StatusOK, out)
	case lost != nil:
		lost.ServeHTTP(w, r)
	default:
		httpserve.WriteJSON(w, http.StatusUnprocessableEntity, out)
	}
}

// lineError is a refused line of a stream.
type lineError struct {
	Line  int    `json:"line"`
	Error string `json:"error"`
	Code  string `json:"code"`
}

// lines takes a stream with one reaction a line, of any length, without ever
// holding more than a chunk of it.
func (h *Handler) lines(w http.ResponseWriter, r *http.Request) {
	out := struct {
		Accepted int         `json:"accepted"`
		Rejected int         `json:"rejected"`
		Errors   []lineError `json:"errors"`
		Error    string      `json:"error,omitempty"`
		Code     string      `json:"code,omitempty"`
	}{Errors: []lineError{}}
	var lost *httpserve.Problem // what ends the stream
	c := chunk{handler: h, done: func(line int, _ int64, p *httpserve.Problem) {
		if p == nil {
			out.Accepted++
			return
		}
		out.Rejected++
		if p.Status == http.StatusServiceUnavailable {
			lost = p
		}
		if len(out.Errors) < maxErrors {
			out.Errors = append(out.Errors, lineError{line, p.Message, p.Code})
		}
	}}
	in := bufio.NewReaderSize(r.Body, maxSingle)
	for line := 1; lost == nil; line++ {
		b, err := in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			c.refuse(line, httpserve.Problemf(http.StatusRequestEntityTooLarge, "too_large", "the line has more than %d bytes", maxSingle))
			err = discardLine(in)
		} else if b = bytes.TrimSpace(b); len(b) > 0 {
			c.add(r.Context(), line, b)
		}
		if err != nil {
			c.flush(r.Context())
			if !errors.Is(err, io.EOF) && lost == nil {
				lost = httpserve.Problemf(http.StatusBadRequest, "broken_body", "the body ended before its time, in line %d", line)
			}
			break
		}
		if in.Buffered() == 0 {
			c.flush(r.Context()) // nothing more has arrived: do not keep what has waiting
		}
	}
	status := http.StatusOK
	switch {
	case lost != nil:
		status, out.Error, out.Code = lost.Status, lost.Message, lost.Code
		if lost.RetryAfter > 0 {
			w.Header().Set("Retry-After", "1")
		}
	case out.Accepted == 0 && out.Rejected > 0:
		status = http.StatusUnprocessableEntity
	}
	httpserve.WriteJSON(w, status, out)
}

// discardLine skips the rest of a line that was too long.
func discardLine(in *bufio.Reader) error {
	for {
		_, err := in.ReadSlice('\n')
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

// chunk collects reactions until there are enough to append at once, and tells
// done the outcome of each by its number.
type chunk struct {
	handler *Handler
	done    func(number int, at int64, p *httpserve.Problem)

	numbers []int
	records []stream.Record
	bytes   int
	at      time.Time
}

func (c *chunk) refuse(number int, p *httpserve.Problem) {
	c.handler.refused.WithLabelValues(p.Code).Inc()
	c.done(number, 0, p)
}

func (c *chunk) add(ctx context.Context, number int, b []byte) {
	one, problem := c.handler.parse(b)
	if problem != nil {
		c.refuse(number, problem)
		return
	}
	if len(c.records) == 0 {
		c.at = time.Now()
	}
	before := len(c.records)
	c.records = records(c.records, one, c.at.UnixMilli())
	for _, r := range c.records[before:] {
		c.bytes += len(r.Value)
	}
	c.numbers = append(c.numbers, number)
	if len(c.records) >= chunkRecords || c.bytes >= chunkBytes {
		c.flush(ctx)
	}
}

func (c *chunk) flush(ctx context.Context) {
	if len(c.records) == 0 {
		return
	}
	var problem *httpserve.Problem
	if err := c.handler.append(ctx, c.records, c.at); err != nil {
		problem = logProblem(err)
	}
	for _, number := range c.numbers {
		if problem != nil {
			c.handler.refused.WithLabelValues(problem.Code).Inc()
		}
		c.done(number, c.at.UnixMilli(), problem)
	}
	c.numbers, c.bytes = c.numbers[:0], 0
	c.records = c.records[:0]
}

// append puts records into the log and counts them.
func (h *Handler) append(ctx context.Context, records []stream.Record, at time.Time) error {
	if err := h.cfg.Log.Append(ctx, records); err != nil {
		return err
	}
	h.accepted.Add(float64(len(records)))
	h.mu.Lock()
	h.last = at
	h.mu.Unlock()
	return nil
}

// records appends the log records of a tap accepted at a time in ms.
func records(dst []stream.Record, r reaction, at int64) []stream.Record {
	if r.Timestamp == "" {
		r.Timestamp = stamp(at)
	}
	value := wire.AppendReaction(make([]byte, 0, 96+len(r.UserID)), r.Reaction)
	for range r.count {
		dst = append(dst, stream.Record{Time: at, Value: value})
	}
	return dst
}

func stamp(ms int64) string { return string(wire.AppendTime(nil, ms)) }

// logProblem is what a client is told when the log did not acknowledge.
func logProblem(err error) *httpserve.Problem {
	if errors.Is(err, stream.ErrNotWritten) {
		return &httpserve.Problem{
			Status: http.StatusServiceUnavailable, Code: "not_written", RetryAfter: time.Second,
			Message: "the reaction was not written, because kafka did not take it: send it again after a second",
		}
	}
	return &httpserve.Problem{
		Status: http.StatusServiceUnavailable, Code: "in_doubt", RetryAfter: time.Second,
		Message: "the reaction may or may not have been written, because kafka's answer is missing: sent again, it may count twice",
	}
}

func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, p *httpserve.Problem) {
	h.refused.WithLabelValues(p.Code).Inc()
	h.cfg.Logger.Debug("refused", "path", r.URL.Path, "from", r.RemoteAddr, "code", p.Code, "error", p.Message)
	p.ServeHTTP(w, r)
}

// read returns a JSON body of at most limit bytes.
func read(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, *httpserve.Problem) {
	if t := mediaType(r); t != "application/json" {
		return nil, httpserve.Problemf(http.StatusUnsupportedMediaType, "unsupported_media_type",
			"content type %.64q is not taken: send JSON with Content-Type: application/json", r.Header.Get("Content-Type"))
	}
	tooLarge := httpserve.Problemf(http.StatusRequestEntityTooLarge, "too_large", "the body has more than %d bytes", limit)
	if r.ContentLength > limit {
		w.Header().Set("Connection", "close")
		return nil, tooLarge
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if too := (*http.MaxBytesError)(nil); errors.As(err, &too) {
		return nil, tooLarge
	}
	if err != nil {
		return nil, httpserve.Problemf(http.StatusBadRequest, "broken_body", "the body ended before its time: %v", err)
	}
	return b, nil
}

// mediaType is the request's content type without parameters; empty when it is
// missing or malformed.
func mediaType(r *http.Request) string {
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return t
}

// channels bounds how many are active at once: when there are too many, a new
// one is refused. It is safe for concurrent use.
type channels struct {
	limit int

	mu   sync.Mutex
	seen map[string]time.Time
}

// activeFor is how long a channel counts as active after a reaction.
const activeFor = time.Minute

func (c *channels) admit(name string, now time.Time) bool {
	if name == wire.MainChannel {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen == nil {
		c.seen = map[string]time.Time{}
	}
	if _, ok := c.seen[name]; !ok && len(c.seen) >= c.limit-1 { // the main one counts
		for old, at := range c.seen {
			if now.Sub(at) > activeFor {
				delete(c.seen, old)
			}
		}
		if len(c.seen) >= c.limit-1 {
			return false
		}
	}
	c.seen[name] = now
	return true
}
