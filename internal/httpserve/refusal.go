package httpserve

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
)

// Refusal is an answer to a request of which nothing was taken: a status, a code for
// programs, and a message for people that says what to do.
type Refusal struct {
	Status     int
	Code       string
	Message    string
	RetryAfter time.Duration // 0: the answer has no Retry-After
	Challenge  string        // of the header WWW-Authenticate; empty: the answer has none
}

// Refusalf returns a refusal with a formatted message.
func Refusalf(status int, code, format string, args ...any) *Refusal {
	return &Refusal{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

// ServeHTTP sends the refusal as {"error","code","request_id"}, after a while if the
// address was refused often: see [MaxRefusalDelay]. Until then the caller should hold
// nothing that others need.
func (f *Refusal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !f.ownTrouble() {
		holdBack(r)
	}
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(f.RetryAfter.Seconds()))))
	}
	if f.Challenge != "" {
		w.Header().Set("WWW-Authenticate", f.Challenge)
	}
	WriteJSON(w, f.Status, struct {
		Error     string `json:"error"`
		Code      string `json:"code"`
		RequestID string `json:"request_id"`
	}{f.Message, f.Code, RequestID(w, r)})
}

// ownTrouble says whether the refusal is about the server, and would meet any request.
func (f *Refusal) ownTrouble() bool {
	switch f.Code {
	case "not_written", "in_doubt", "not_ready", "overloaded", "no_servers", "full":
		return true
	}
	return false
}

// WriteJSON sends an answer with a status, and v as JSON.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "the answer cannot be encoded", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // if the client has left, nobody needs the answer
}
