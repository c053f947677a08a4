package sse

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	gosse "github.com/tmaxmax/go-sse"

	"github.com/emostream/emostream/internal/text"
)

// RefusedError says that the server's answer was not the stream that was asked for.
type RefusedError struct {
	// Status is the HTTP status. It is 200 if the answer was not an event stream.
	Status int
	// Code and Message are from the JSON of the server's error, cut to 200 printable
	// characters. They are empty if the answer had none.
	Code, Message string
	// RetryAfter is the server's Retry-After header if that is in seconds, up to an
	// hour.
	RetryAfter time.Duration
}

// Error says what the server answered.
func (e *RefusedError) Error() string {
	s := fmt.Sprintf("the server answered %d %s", e.Status, http.StatusText(e.Status))
	if e.Message != "" {
		s += ": " + e.Message
	}
	return s
}

// refusal returns why an answer does not begin a stream, or nil if it begins one.
func refusal(res *http.Response) error {
	if res.StatusCode == http.StatusOK {
		if err := gosse.DefaultValidator(res); err != nil {
			return &RefusedError{Status: res.StatusCode, Message: printable(err.Error())}
		}
		return nil
	}
	return Refused(res.StatusCode, RetryAfter(res.Header.Get("Retry-After")), io.LimitReader(res.Body, 4096))
}

// Refused returns the error of an answer with this status, Retry-After and body.
func Refused(status int, retryAfter time.Duration, body io.Reader) *RefusedError {
	refused := &RefusedError{Status: status, RetryAfter: retryAfter}
	var said struct {
		Code  string `json:"code"`
		Error string `json:"error"`
	}
	if err := json.NewDecoder(body).Decode(&said); err == nil {
		refused.Code, refused.Message = printable(said.Code), printable(said.Error)
	}
	return refused
}

// printable makes a text of the server fit on one line of a terminal.
func printable(s string) string { return text.Clip(text.Clean(s), 200, "") }
