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

// RefusedError is a server's answer other than the stream that was asked for.
type RefusedError struct {
	// Status is the HTTP status; 200 when what came was not an event stream.
	Status int
	// Code and Message are what the server said in its JSON error, when it did,
	// cut to 200 printable characters.
	Code, Message string
	// RetryAfter is the server's Retry-After when that is in seconds, up to an hour.
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

// refusal says why an answer does not begin a stream; nil: it does.
func refusal(res *http.Response) error {
	if res.StatusCode == http.StatusOK {
		if err := gosse.DefaultValidator(res); err != nil {
			return &RefusedError{Status: res.StatusCode, Message: printable(err.Error())}
		}
		return nil
	}
	refused := &RefusedError{Status: res.StatusCode, RetryAfter: RetryAfter(res.Header.Get("Retry-After"))}
	var said struct {
		Code  string `json:"code"`
		Error string `json:"error"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, 4096)).Decode(&said); err == nil {
		refused.Code, refused.Message = printable(said.Code), printable(said.Error)
	}
	return refused
}

// printable makes what a server says fit on a line of a terminal.
func printable(s string) string { return text.Clip(text.Clean(s), 200, "") }
