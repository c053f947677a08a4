package loadgen

import (
	"bytes"
	"net/http"
	"net/http/cookiejar"
	"net/url"
)

// cookies keeps what a server has set, for one connection that sends or for one listener:
// each is a client of its own, as a browser is. A load balancer may tell by a cookie which
// server a client belongs to. Whoever was never sent a cookie pays nothing.
type cookies struct {
	jar *cookiejar.Jar // nil: none was set
}

// keep notes the Set-Cookie lines of the answer to a request.
func (c *cookies) keep(scheme string, request []byte, lines []string) {
	var set []*http.Cookie
	for _, line := range lines {
		if cookie, err := http.ParseSetCookie(line); err == nil { // browsers ignore others, too
			set = append(set, cookie)
		}
	}
	u := requestedURL(scheme, request)
	if len(set) == 0 || u == nil {
		return
	}
	if c.jar == nil {
		c.jar, _ = cookiejar.New(nil) // never fails
	}
	c.jar.SetCookies(u, set)
}

// addTo returns a request with the cookies that belong to it. It does not change request.
func (c *cookies) addTo(scheme string, request []byte) []byte {
	if c.jar == nil {
		return request
	}
	u := requestedURL(scheme, request)
	if u == nil {
		return request
	}
	var line []byte
	for _, cookie := range c.jar.Cookies(u) {
		line = append(line, "; "...)
		line = append(line, cookie.String()...) // with the quotes that it came with
	}
	if line == nil {
		return request
	}
	head, _, _ := bytes.Cut(request, []byte(headEnd))
	const name = "\r\nCookie: "
	at := bytes.Index(head, []byte(name))
	if at < 0 {
		at = bytes.Index(head, []byte("\r\nHost: ")) + len("\r\n")
		at += len(firstLine(head[at:]))
		line = append([]byte(name), line[len("; "):]...)
	} else {
		at += len(name) + len(firstLine(head[at+len(name):])) // behind those that are given
	}
	out := make([]byte, 0, len(request)+len(line))
	out = append(append(out, request[:at]...), line...)
	return append(out, request[at:]...)
}

// requestedURL returns what a request asks for: its path, at the host of its Host line.
func requestedURL(scheme string, request []byte) *url.URL {
	first := firstLine(request)
	parts := bytes.Split(first, []byte(" "))
	host, found := bytes.CutPrefix(firstLine(request[min(len(request), len(first)+2):]), []byte("Host: "))
	if len(parts) != 3 || !found {
		return nil
	}
	u, err := url.ParseRequestURI(string(parts[1]))
	if err != nil {
		return nil
	}
	return &url.URL{Scheme: scheme, Host: string(host), Path: u.Path}
}

// firstLine returns a text up to its first line end.
func firstLine(b []byte) []byte {
	line, _, _ := bytes.Cut(b, []byte("\r\n"))
	return line
}
