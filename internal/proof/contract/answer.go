package contract

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// Server is one of the two kinds of servers.
type Server string

// The kinds.
const (
	Main       Server = "main"
	Subscriber Server = "subscriber"
)

// HTTP checks answers.
type HTTP struct {
	strict *document // for answers
	open   *document // for the bodies of requests
	paths  []path
	// everywhere are the headers that any answer may have.
	everywhere map[string]header
}

// path is a path of the document.
type path struct {
	template string
	matches  *regexp.Regexp
	literal  int // how many characters of it are fixed
	servers  []Server
}

// NewHTTP reads openapi.yaml.
func NewHTTP() (*HTTP, error) {
	strict, err := load("openapi.yaml", true)
	if err != nil {
		return nil, err
	}
	open, err := load("openapi.yaml", false)
	if err != nil {
		return nil, err
	}
	h := &HTTP{strict: strict, open: open}
	h.everywhere = h.headers("components", "headers")
	for template := range strict.names("paths") {
		item, _, _ := strict.at("paths", template)
		h.paths = append(h.paths, newPath(template, item))
	}
	slices.SortFunc(h.paths, func(a, b path) int { return b.literal - a.literal }) // the most exact one first
	return h, nil
}

func newPath(template string, item object) path {
	p := path{template: template, servers: []Server{Main}}
	var pattern strings.Builder
	for rest := template; rest != ""; {
		fixed, after, found := strings.Cut(rest, "{")
		p.literal += len(fixed)
		pattern.WriteString(regexp.QuoteMeta(fixed))
		if rest = ""; found {
			_, rest, _ = strings.Cut(after, "}")
			pattern.WriteString("[^/]+")
		}
	}
	p.matches = regexp.MustCompile("^" + pattern.String() + "$")
	if list, ok := item["servers"].([]any); ok {
		p.servers = nil
		for _, s := range list {
			said, _ := s.(object)["description"].(string)
			for _, server := range []Server{Main, Subscriber} {
				if strings.Contains(said, string(server)) {
					p.servers = append(p.servers, server)
				}
			}
		}
	}
	return p
}

// pathOf returns the path of the document that a server has for a path.
func (h *HTTP) pathOf(server Server, asked string) (template string, ok bool) {
	for _, p := range h.paths {
		if p.matches.MatchString(asked) && slices.Contains(p.servers, server) {
			return p.template, true
		}
	}
	return "", false
}

// Answer is an answer, and what it answers.
type Answer struct {
	Server Server
	Method string
	Path   string
	// Sent is the body of the request and its type, if it is known.
	Sent     []byte
	SentType string

	Status int
	Header http.Header
	Body   []byte // of an event stream: nothing
	Whole  bool   // Body is all of it
}

// Check returns what of an answer the document does not say.
func (h *HTTP) Check(a Answer) error {
	if a.Path == "*" {
		return nil // no call at all, which net/http answers
	}
	place, err := h.placeOf(a)
	if err == nil {
		err = h.checkAt(a, place)
	}
	if err == nil {
		err = h.checkSent(a)
	}
	if err != nil {
		body := a.Body
		if len(body) > 600 {
			body = body[:600]
		}
		return fmt.Errorf("openapi.yaml does not know this answer of the %s server to %s %s: %d: %w\n%v\n%s", a.Server, a.Method, a.Path, a.Status, err, a.Header, body)
	}
	return nil
}

// placeOf returns where the document says what an answer is.
func (h *HTTP) placeOf(a Answer) ([]string, error) {
	template, known := h.pathOf(a.Server, plain(a.Path))
	method := strings.ToLower(a.Method)
	if method == "head" {
		method = "get"
	}
	_, _, maybeNot := h.strict.at("paths", template, "get", "responses", "404") // as pages are not without --web
	_, _, served := h.strict.at("paths", template, method)
	said := func(name string) []string { return []string{"components", "responses", name} }
	switch {
	case a.Status == http.StatusNoContent && a.Method == http.MethodOptions:
		return said("Preflight"), nil
	case a.Status == http.StatusBadRequest && strings.Contains(string(a.Body), `"https_required"`):
		return said("HTTPSRequired"), nil
	case known && served:
	case a.Status == http.StatusForbidden:
		return said("WrongHost"), nil
	case a.Status == http.StatusMisdirectedRequest:
		return said("Misdirected"), nil
	case a.Status == http.StatusRequestURITooLong:
		return said("QueryTooLong"), nil
	case a.Status == http.StatusServiceUnavailable:
		return said("Overloaded"), nil
	case a.Status == http.StatusNotFound && (!known || maybeNot):
		return said("NotFound"), nil
	case known && a.Status == http.StatusMethodNotAllowed:
		return said("MethodNotAllowed"), nil
	case known:
		return nil, errors.New("there is no such method")
	default:
		return nil, errors.New("there is no such path")
	}
	_, where, ok := h.strict.at("paths", template, method, "responses", fmt.Sprint(a.Status))
	if !ok {
		return nil, fmt.Errorf("there is no such status of %s", template)
	}
	return where, nil
}

// plain returns a path with single slashes, as the servers take it.
func plain(p string) string {
	for strings.Contains(p, "//") {
		p = strings.ReplaceAll(p, "//", "/")
	}
	return p
}

// checkAt checks the headers and the body of an answer against what stands at a place.
func (h *HTTP) checkAt(a Answer, place []string) error {
	if err := h.checkHeaders(a, place); err != nil {
		return err
	}
	content, where, ok := h.strict.at(append(slices.Clone(place), "content")...)
	kind, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if !ok {
		if len(a.Body) > 0 {
			return errors.New("it has a body")
		}
		return nil
	}
	if _, whatever := content["*/*"]; whatever {
		return nil
	}
	if _, known := content[kind].(object); !known {
		return fmt.Errorf("it has the content type %q", a.Header.Get("Content-Type"))
	}
	if kind != "application/json" || !a.Whole || a.Method == http.MethodHead {
		return nil
	}
	return h.strict.check(a.Body, append(where, kind, "schema")...)
}

// ofHTTP are headers that belong to HTTP and to no call.
func ofHTTP(name string) bool {
	switch name {
	case "Content-Type", "Content-Length", "Connection", "Date", "Transfer-Encoding", "Trailer":
		return true
	}
	return false
}

// headers returns the headers that stand at a place, under their names as Go has them.
func (h *HTTP) headers(place ...string) map[string]header {
	out := map[string]header{}
	for name := range h.strict.names(place...) {
		found, where, _ := h.strict.at(append(slices.Clone(place), name)...)
		required, _ := found["required"].(bool)
		out[http.CanonicalHeaderKey(name)] = header{append(where, "schema"), required}
	}
	return out
}

// header is a header of the document.
type header struct {
	schema   []string // where its schema is
	required bool
}

func (h *HTTP) checkHeaders(a Answer, place []string) error {
	listed := h.headers(append(slices.Clone(place), "headers")...)
	for name, values := range a.Header {
		of, known := listed[name]
		if !known {
			of, known = h.everywhere[name]
		}
		if !known && ofHTTP(name) {
			continue
		}
		if !known {
			return fmt.Errorf("it has the header %s", name)
		}
		for _, value := range values {
			if err := h.strict.checkValue(value, of.schema...); err != nil {
				return fmt.Errorf("the header %s: %w", name, err)
			}
		}
	}
	for name, of := range listed {
		if of.required && len(a.Header.Values(name)) == 0 {
			return fmt.Errorf("it has no header %s", name)
		}
	}
	return nil
}

// checkSent returns what of the body of a request the document does not allow, though the
// server has taken it.
func (h *HTTP) checkSent(a Answer) error {
	if a.Status != http.StatusOK || len(a.Sent) == 0 {
		return nil
	}
	template, _ := h.pathOf(a.Server, plain(a.Path))
	_, where, ok := h.open.at("paths", template, strings.ToLower(a.Method), "requestBody", "content")
	if !ok {
		return nil
	}
	text := strings.TrimLeft(string(a.Sent), "\ufeff \t\r\n")
	if kind, _, _ := mime.ParseMediaType(a.SentType); !strings.HasSuffix(kind, "json") || strings.Contains(kind, "nd") || text == "" {
		return nil
	}
	if strings.HasPrefix(text, "[") {
		return nil // items are taken or refused one by one
	}
	if strings.ToLower(text) != text && misspelled(text) {
		return nil // taken all the same, which is promised to nobody
	}
	if err := h.open.check([]byte(text), append(where, "application/json", "schema")...); err != nil {
		return fmt.Errorf("the server has taken %.300s: %w", text, err)
	}
	return nil
}

// misspelled says whether the names of an object's fields have capital letters.
func misspelled(text string) bool {
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &fields) != nil {
		return false
	}
	for name := range fields {
		if strings.ToLower(name) != name {
			return true
		}
	}
	return false
}
