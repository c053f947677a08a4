package httpserve_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/httpserve"
)

func TestBoundQuery(t *testing.T) {
	for length, want := range map[int]int{0: http.StatusOK, 2047: http.StatusOK, 2048: http.StatusOK, 2049: http.StatusRequestURITooLong, 12_000: http.StatusRequestURITooLong} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/?"+strings.Repeat("&", length), nil)
		httpserve.BoundQuery(http.HandlerFunc(ok)).ServeHTTP(w, r)
		if w.Code != want || want != http.StatusOK && !strings.Contains(w.Body.String(), `"code":"query_too_long"`) {
			t.Errorf("%d bytes are answered %d %s", length, w.Code, w.Body)
		}
	}
}
