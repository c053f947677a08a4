package accesstest

import (
	"io"
	"net/http"
	"testing"
)

// AnswersBeforeTheBody fails the test unless a server answers 401 to a request without a
// token, of whose body it gets the beginning and no end.
func AnswersBeforeTheBody(tb testing.TB, server, method, path string) {
	tb.Helper()
	body, rest := io.Pipe()
	defer func() { _ = rest.Close() }()
	go func() { _, _ = rest.Write([]byte("{")) }()
	r, err := http.NewRequestWithContext(tb.Context(), method, server+path, body)
	if err != nil {
		tb.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusUnauthorized {
		tb.Errorf("%s %s is answered %d", method, path, res.StatusCode)
	}
}
