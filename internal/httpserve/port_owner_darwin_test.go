package httpserve_test

import (
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/httpserve"
)

// On macOS the error names AirPlay as the likely owner of port 5000.
func TestListenNamesAirPlay(t *testing.T) {
	if ln, err := httpserve.Listen(t.Context(), "127.0.0.1:5000"); err == nil {
		defer func() { _ = ln.Close() }()
	}
	_, err := httpserve.Listen(t.Context(), "127.0.0.1:5000")
	if err == nil || !strings.Contains(err.Error(), "is already in use by the AirPlay Receiver") {
		t.Errorf("Listen = %v, want AirPlay named", err)
	}
}
