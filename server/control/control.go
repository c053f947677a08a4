// Package control lets managers see and change over HTTP what is in force while an event
// runs. A manager proves with a token to be one, so that without keys nobody may.
package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/emostream/emostream/internal/controls"
	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/quota"
	"github.com/emostream/emostream/internal/text/quote"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server/access"
)

// Config says what is changed, and who may.
type Config struct {
	Gate   *access.Gate     // nil: there are no keys, and nobody may
	Editor *controls.Editor // whose table is kept up to date by the caller
	// Unfollowed returns why it is not known what is in force, or nil if it is. Default: it
	// always is.
	Unfollowed func() error
	// CheckChannel returns why reactions of a channel are never taken. Default: all are.
	CheckChannel func(channel string) error
	Logger       *slog.Logger // told who changes what; default: nobody is
}

// Handler serves the calls about controls.
type Handler struct{ cfg Config }

// New returns a handler.
func New(cfg Config) *Handler {
	if cfg.Unfollowed == nil {
		cfg.Unfollowed = func() error { return nil }
	}
	if cfg.CheckChannel == nil {
		cfg.CheckChannel = func(string) error { return nil }
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Handler{cfg}
}

// Routes adds the calls to a mux. A name that a path cannot hold as it is, such as a user
// with a slash, stands in the query: /v1/controls/user?name=NAME.
func (h *Handler) Routes(mux *http.ServeMux) {
	mux.Handle("/v1/controls", httpserve.Methods(h.list, http.MethodGet))
	one := httpserve.Methods(h.one, http.MethodGet, http.MethodPut, http.MethodDelete)
	mux.Handle("/v1/controls/{kind}", one)
	mux.Handle("/v1/controls/{kind}/{name}", one)
}

// changeTimeout is how long a change may take to be in force here.
const changeTimeout = 5 * time.Second

// maxBody is how many bytes a body may have: more than any control has.
const maxBody = 4 << 10

// manager returns who sent a request, if that one may manage and it is known what is in
// force.
func (h *Handler) manager(r *http.Request) (*access.Caller, *httpserve.Refusal) {
	caller, refusal := h.cfg.Gate.Caller(r)
	if refusal == nil {
		refusal = caller.May(access.Manage, "")
	}
	if refusal != nil {
		return nil, refusal
	}
	if err := h.cfg.Unfollowed(); err != nil {
		return nil, unavailable(err)
	}
	return caller, nil
}

func unavailable(err error) *httpserve.Refusal {
	return &httpserve.Refusal{
		Status: http.StatusServiceUnavailable, Code: "controls_unavailable", RetryAfter: time.Second,
		Message: fmt.Sprintf("%v: try again later", err),
	}
}

// list answers with all that is in force.
func (h *Handler) list(w http.ResponseWriter, r *http.Request) {
	if _, refusal := h.manager(r); refusal != nil {
		refusal.ServeHTTP(w, r)
		return
	}
	all := []wire.Control{}
	for _, c := range h.cfg.Editor.Table.All(time.Now()) {
		all = append(all, c.Wire())
	}
	answer(w, map[string][]wire.Control{"controls": all})
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Cache-Control", "no-store")
	httpserve.WriteJSON(w, http.StatusOK, v)
}

// one answers a request about one channel, user or emoji.
func (h *Handler) one(w http.ResponseWriter, r *http.Request) {
	caller, refusal := h.manager(r)
	if refusal != nil {
		httpserve.LimitRefusedBody(w)
	} else {
		refusal = h.ask(w, r, caller)
	}
	if refusal != nil {
		refusal.ServeHTTP(w, r)
	}
}

func (h *Handler) ask(w http.ResponseWriter, r *http.Request, caller *access.Caller) *httpserve.Refusal {
	about, refusal := named(r)
	if refusal != nil {
		return refusal
	}
	switch r.Method {
	case http.MethodPut:
		if refusal := read(w, r, &about); refusal != nil {
			return refusal
		}
		about.SetBy, about.SetAt = bounded(caller.Subject), time.Now()
		return h.set(w, r, about)
	case http.MethodDelete:
		return h.end(w, r, about, caller)
	}
	c, ok := h.cfg.Editor.Table.Get(about.Kind, about.Name, time.Now())
	if !ok {
		return httpserve.Refusalf(http.StatusNotFound, "no_control", "nothing is set for %s %s", about.Kind, quote.Text(about.Name, 40))
	}
	answer(w, c.Wire())
	return nil
}

// named returns the kind and the name that a request is about.
func named(r *http.Request) (controls.Control, *httpserve.Refusal) {
	kind, err := controls.ParseKind(r.PathValue("kind"))
	if err != nil {
		return controls.Control{}, httpserve.Refusalf(http.StatusNotFound, "not_found", "%v", err)
	}
	given := r.PathValue("name")
	if given == "" {
		if !r.URL.Query().Has("name") {
			return controls.Control{}, httpserve.Refusalf(http.StatusNotFound, "not_found", "this needs a name: /v1/controls/%s/NAME, or ?name=NAME for one that a path cannot hold", kind)
		}
		given = r.URL.Query().Get("name")
	}
	name, err := controls.CleanName(kind, given)
	if err != nil {
		return controls.Control{}, invalid(err)
	}
	return controls.Control{Kind: kind, Name: name}, nil
}

func invalid(err error) *httpserve.Refusal {
	return httpserve.Refusalf(http.StatusUnprocessableEntity, "invalid_control", "%v", err)
}

// bounded returns a subject, cut to what a control can hold.
func bounded(subject string) string { return subject[:min(len(subject), wire.MaxUserID)] }

// body is what a request sets.
type body struct {
	State   controls.State `json:"state"`
	PerUser string         `json:"per_user"`
	Until   *time.Time     `json:"until"`
	For     string         `json:"for"` // as in 10m, by the server's clock
	Reason  string         `json:"reason"`
}

// read reads what a request sets. A field that is not known is refused, since a manager
// who has mistyped until must be told. Without a body it is what goes without saying.
func read(w http.ResponseWriter, r *http.Request, into *controls.Control) *httpserve.Refusal {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return httpserve.Refusalf(http.StatusRequestEntityTooLarge, "too_large", "the body has more than %d bytes, and no control has as many", maxBody)
	}
	if err != nil {
		return httpserve.Refusalf(http.StatusBadRequest, "broken_body", "the body ended before its time: send it again whole")
	}
	var in body
	if len(b) > 0 {
		if _, refusal := httpserve.TypeOfBody(r, httpserve.JSON); refusal != nil {
			return refusal
		}
		if refusal := httpserve.RefuseOtherThanUTF8("body", b); refusal != nil {
			return refusal
		}
		strict := json.NewDecoder(bytes.NewReader(b))
		strict.DisallowUnknownFields()
		if err := strict.Decode(&in); err != nil || strict.More() {
			if notTime, ok := errors.AsType[*time.ParseError](err); ok {
				return httpserve.Refusalf(http.StatusBadRequest, "invalid_json", "until is %s: it says when, as in 2026-11-23T20:00:00Z", quote.Text(notTime.Value, 40))
			}
			return httpserve.Refusalf(http.StatusBadRequest, "invalid_json", `the body is not a JSON object like {"state":"paused","for":"10m","reason":"back at eight"}, with state, per_user, until, for and reason as strings: %s`, wrong(err))
		}
	}
	return in.apply(into, time.Now())
}

// wrong returns what is wrong with a body that cannot be decoded, without much of it.
func wrong(err error) string {
	if err == nil {
		return "there is more behind it"
	}
	return quote.Text(err.Error(), 80)
}

// apply sets what a body says, and checks it.
func (in body) apply(c *controls.Control, now time.Time) *httpserve.Refusal {
	c.State, c.Reason = in.State, in.Reason
	if in.PerUser != "" {
		rate, err := quota.ParseRate(in.PerUser)
		if err != nil {
			return invalid(fmt.Errorf("per_user %w", err))
		}
		c.PerUser = rate
	}
	if in.Until != nil {
		c.Until = *in.Until
	}
	if in.For != "" {
		howLong, err := time.ParseDuration(in.For)
		switch {
		case err != nil || howLong <= 0:
			return invalid(fmt.Errorf("for is %s: it says how long, as in 10m", quote.Text(in.For, 20)))
		case in.Until != nil:
			return invalid(errors.New("for and until both say when it ends: send one of them"))
		}
		c.Until = now.Add(howLong)
	}
	clean, err := controls.Clean(*c)
	if err == nil && clean.Over(now) {
		err = fmt.Errorf("until %s is over: it is %s now", wire.ControlTime(clean.Until), wire.ControlTime(now))
	}
	if err != nil {
		return invalid(err)
	}
	*c = clean
	return nil
}

// set sets a control, and answers when it is in force here.
func (h *Handler) set(w http.ResponseWriter, r *http.Request, c controls.Control) *httpserve.Refusal {
	ctx, cancel := context.WithTimeout(r.Context(), changeTimeout)
	defer cancel()
	before, err := h.cfg.Editor.Set(ctx, c)
	if err != nil {
		return failed(err)
	}
	h.cfg.Logger.Info("a manager has set a control", "kind", string(c.Kind), "name", c.Name, "state", string(c.State), "until", wire.ControlTime(c.Until), "reason", c.Reason,
		"by", c.SetBy, "request_id", httpserve.RequestID(w, r))
	changed := controls.Change(c, before)
	if c.Kind == controls.Channel {
		if err := h.cfg.CheckChannel(c.Name); err != nil {
			changed.Note = err.Error()
		}
	}
	answer(w, changed)
	return nil
}

// end ends a control, and answers when it is no longer in force here.
func (h *Handler) end(w http.ResponseWriter, r *http.Request, c controls.Control, caller *access.Caller) *httpserve.Refusal {
	ctx, cancel := context.WithTimeout(r.Context(), changeTimeout)
	defer cancel()
	before, err := h.cfg.Editor.Remove(ctx, c.Kind, c.Name)
	if err != nil {
		return failed(err)
	}
	h.cfg.Logger.Info("a manager has ended a control", "kind", string(c.Kind), "name", c.Name, "state", string(before.State), "by", bounded(caller.Subject), "request_id", httpserve.RequestID(w, r))
	answer(w, controls.Change(controls.Control{}, before))
	return nil
}

// failed returns the refusal of a change that failed.
func failed(err error) *httpserve.Refusal {
	switch {
	case errors.Is(err, controls.ErrFull):
		return invalid(err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &httpserve.Refusal{
			Status: http.StatusServiceUnavailable, Code: "in_doubt", RetryAfter: time.Second,
			Message: "kafka has not confirmed the change in time, so that it may or may not be in force: ask for it, or make it again, which does no harm",
		}
	}
	return unavailable(err)
}
