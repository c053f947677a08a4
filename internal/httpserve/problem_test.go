package httpserve_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
)

// answerOf is what a handler answers to a request without a body, called r1.
func answerOf(h http.Handler, method, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, path, nil)
	r.Header.Set("X-Request-Id", "r1")
	h.ServeHTTP(w, r)
	return w
}

func TestProblem(t *testing.T) {
	for name, tt := range map[string]struct {
		problem *httpserve.Problem
		body    string
		retry   string
	}{
		"plain":                     {httpserve.Problemf(418, "teapot", "no %s: use a pot", "coffee"), `{"error":"no coffee: use a pot","code":"teapot","request_id":"r1"}`, ""},
		"what JSON escapes":         {httpserve.Problemf(400, "bad", "%q", "<\u2028\xff>"), `{"error":"\"\u003c\\u2028\\xff\u003e\"","code":"bad","request_id":"r1"}`, ""},
		"come back in a second":     {&httpserve.Problem{Status: 503, Code: "busy", Message: "wait", RetryAfter: time.Second}, `{"error":"wait","code":"busy","request_id":"r1"}`, "1"},
		"a fraction is rounded up":  {&httpserve.Problem{Status: 503, Code: "busy", Message: "wait", RetryAfter: 1100 * time.Millisecond}, `{"error":"wait","code":"busy","request_id":"r1"}`, "2"},
		"soon is not at once":       {&httpserve.Problem{Status: 503, Code: "busy", Message: "wait", RetryAfter: time.Nanosecond}, `{"error":"wait","code":"busy","request_id":"r1"}`, "1"},
		"a message may be a format": {&httpserve.Problem{Status: 500, Code: "odd", Message: "100%d"}, `{"error":"100%d","code":"odd","request_id":"r1"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := answerOf(tt.problem, http.MethodGet, "/")
			if got.Code != tt.problem.Status || got.Body.String() != tt.body+"\n" || got.Header().Get("Retry-After") != tt.retry || got.Header().Get("Content-Type") != "application/json" {
				t.Errorf("answered %d %v %s, want %s", got.Code, got.Header(), got.Body, tt.body)
			}
			if tt.problem.Error() != tt.problem.Message {
				t.Errorf("as an error it is %q", tt.problem.Error())
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

func TestMethods(t *testing.T) {
	served := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("served " + r.Method))
	})
	for name, tt := range map[string]struct {
		methods []string
		method  string
		served  bool
		allow   string
	}{
		"the one":          {[]string{"POST"}, "POST", true, ""},
		"one of two":       {[]string{"GET", "POST"}, "POST", true, ""},
		"HEAD with GET":    {[]string{"GET"}, "HEAD", true, ""},
		"HEAD without GET": {[]string{"POST"}, "HEAD", false, "POST"},
		"another":          {[]string{"GET", "POST"}, "DELETE", false, "GET, POST"},
		"in other letters": {[]string{"GET"}, "get", false, "GET"},
		"a very long one":  {[]string{"GET"}, strings.Repeat("X", 5000), false, "GET"},
	} {
		t.Run(name, func(t *testing.T) {
			got := answerOf(httpserve.Methods(served, tt.methods...), tt.method, "/"+strings.Repeat("p", 5000))
			if tt.served {
				if got.Code != http.StatusOK || got.Body.String() != "served "+tt.method {
					t.Errorf("answered %d %s", got.Code, got.Body)
				}
				return
			}
			if got.Code != http.StatusMethodNotAllowed || got.Header().Get("Allow") != tt.allow || !strings.Contains(got.Body.String(), "use "+tt.allow+`","code":"method_not_allowed","request_id":"r1"}`) {
				t.Errorf("answered %d, Allow %q, %s", got.Code, got.Header().Get("Allow"), got.Body)
			}
			if got.Body.Len() > 300 {
				t.Errorf("answered with %d bytes", got.Body.Len())
			}
		})
	}
}

func TestNotFound(t *testing.T) {
	got := answerOf(httpserve.NotFound("/a", "/b"), "GET", "/"+strings.Repeat("%1b", 3000))
	if body := got.Body.String(); got.Code != http.StatusNotFound || !strings.Contains(body, `there are /a, /b","code":"not_found","request_id":"r1"}`) || !strings.Contains(body, `\\x1b`) || len(body) > 500 {
		t.Errorf("answered %d %s", got.Code, body)
	}
}
