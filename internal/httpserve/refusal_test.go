package httpserve_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
)

// answerOf returns a handler's answer to a request with the id r1 and no body.
func answerOf(h http.Handler, method, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, path, nil)
	r.Header.Set("X-Request-Id", "r1")
	h.ServeHTTP(w, r)
	return w
}

func TestRefusal(t *testing.T) {
	for name, tt := range map[string]struct {
		refusal *httpserve.Refusal
		body    string
		retry   string
	}{
		"plain":                     {httpserve.Refusalf(418, "teapot", "no %s: use a pot", "coffee"), `{"error":"no coffee: use a pot","code":"teapot","request_id":"r1"}`, ""},
		"what JSON escapes":         {httpserve.Refusalf(400, "bad", "%q", "<\u2028\xff>"), `{"error":"\"\u003c\\u2028\\xff\u003e\"","code":"bad","request_id":"r1"}`, ""},
		"come back in a second":     {&httpserve.Refusal{Status: 503, Code: "busy", Message: "wait", RetryAfter: time.Second}, `{"error":"wait","code":"busy","request_id":"r1"}`, "1"},
		"a fraction is rounded up":  {&httpserve.Refusal{Status: 503, Code: "busy", Message: "wait", RetryAfter: 1100 * time.Millisecond}, `{"error":"wait","code":"busy","request_id":"r1"}`, "2"},
		"soon is not at once":       {&httpserve.Refusal{Status: 503, Code: "busy", Message: "wait", RetryAfter: time.Nanosecond}, `{"error":"wait","code":"busy","request_id":"r1"}`, "1"},
		"a message may be a format": {&httpserve.Refusal{Status: 500, Code: "odd", Message: "100%d"}, `{"error":"100%d","code":"odd","request_id":"r1"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := answerOf(tt.refusal, http.MethodGet, "/")
			if got.Code != tt.refusal.Status || got.Body.String() != tt.body+"\n" || got.Header().Get("Retry-After") != tt.retry || got.Header().Get("Content-Type") != "application/json" {
				t.Errorf("answered %d %v %s, want %s", got.Code, got.Header(), got.Body, tt.body)
			}
		})
	}
}

func TestWriteJSONOfWhatIsNone(t *testing.T) {
	w := httptest.NewRecorder()
	httpserve.WriteJSON(w, http.StatusOK, make(chan int))
	if w.Code != http.StatusInternalServerError {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
}
