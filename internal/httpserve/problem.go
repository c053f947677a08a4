package httpserve

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Problem is a refusal as a client sees it: a status, a code for programs and a
// sentence for people that says what to do.
type Problem struct {
	Status     int
	Code       string
	Message    string
	RetryAfter time.Duration // 0: not said
}

func (p *Problem) Error() string { return p.Message }

// Problemf makes a problem; the message is a format.
func Problemf(status int, code, format string, args ...any) *Problem {
	return &Problem{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

// ServeHTTP answers with the problem, as {"error","code","request_id"}.
func (p *Problem) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(p.RetryAfter.Seconds()))))
	}
	WriteJSON(w, p.Status, struct {
		Error     string `json:"error"`
		Code      string `json:"code"`
		RequestID string `json:"request_id"`
	}{p.Message, p.Code, RequestID(w, r)})
}

// WriteJSON answers with a status and v as JSON.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "the answer cannot be encoded", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a client that left needs no answer
}

// Methods serves requests of the given methods (HEAD goes with GET) and refuses
// others with 405 and Allow.
func Methods(next http.HandlerFunc, methods ...string) http.Handler {
	allow := strings.Join(methods, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, m := range methods {
			if r.Method == m || m == http.MethodGet && r.Method == http.MethodHead {
				next(w, r)
				return
			}
		}
		w.Header().Set("Allow", allow)
		Problemf(http.StatusMethodNotAllowed, "method_not_allowed", "%.16q is not served at %.64q: use %s", r.Method, r.URL.Path, allow).ServeHTTP(w, r)
	})
}

// NotFound refuses a path, naming those that are served.
func NotFound(served ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Problemf(http.StatusNotFound, "not_found", "nothing is served at %.64q: there are %s", r.URL.Path, strings.Join(served, ", ")).ServeHTTP(w, r)
	})
}
