package loadgen

import (
	"errors"
	"fmt"
	"net/textproto"
	"slices"
	"strings"
)

// headers are the header lines that Config.Headers adds to every request.
type headers []header

type header struct {
	name  string
	value template
}

// parseHeaders parses lines like "Name: value". The value is a template. A file is
// named by @FILE, as the whole value or as its end; what is in it is variable("@FILE").
// No error tells a value, since it may be a secret.
func parseHeaders(lines []string, variable lookup) (headers, error) {
	if variable == nil {
		variable = noVariables
	}
	var all headers
	for i, line := range lines {
		h, err := parseHeader(line, variable)
		if err != nil {
			return nil, fmt.Errorf("header %d: %w", i+1, err)
		}
		once := slices.Contains([]string{"Host", "Content-Type", "Authorization", "Cookie", "Cache-Control"}, h.name)
		if once && all.has(h.name) {
			return nil, fmt.Errorf("header %d: %s was given before", i+1, h.name)
		}
		all = append(all, h)
	}
	return all, nil
}

func parseHeader(line string, variable lookup) (header, error) {
	name, value, found := strings.Cut(line, ":")
	if !found {
		return header{}, errors.New("it has no colon: want 'Name: value'")
	}
	h := header{name: textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name))}
	if h.name == "" || strings.ContainsFunc(h.name, isNoNameCharacter) {
		return h, errors.New("what stands before the colon is no name: want 'Name: value'")
	}
	value = strings.TrimSpace(value)
	if err := refuseHeader(h.name, value); err != nil {
		return h, err
	}
	file := ""
	if at := strings.LastIndex(" "+value, " @"); at >= 0 && !strings.Contains(value[at:], "{{") {
		value, file = value[:at], value[at:]
	}
	var err error
	if h.value, err = parseTemplate(value, variable); err == nil && file != "" {
		var content string
		content, err = variable(file)
		h.value = append(h.value, piece{text: content, secret: true})
	}
	if err != nil {
		return h, fmt.Errorf("%s: %w", h.name, err)
	}
	for _, p := range h.value {
		if strings.ContainsFunc(p.text, isControl) {
			return h, fmt.Errorf("%s: its value holds a line break or another control character", h.name)
		}
	}
	return h, nil
}

// isControl says whether a character cannot stand in the value of a header.
func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// isNoNameCharacter says whether a character cannot stand in the name of a header (RFC
// 9110, section 5.6.2).
func isNoNameCharacter(r rune) bool {
	letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
	return !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

// refuseHeader returns why a header of this name cannot be given, nil if it can.
func refuseHeader(name, value string) error {
	why := map[string]string{
		"Content-Length":    "the length of a body is counted",
		"Transfer-Encoding": "bodies are sent whole, with their length",
		"Expect":            "bodies are sent without waiting for leave",
		"Upgrade":           "requests are HTTP, and streams are Server-Sent Events",
		"Trailer":           "nothing follows a body",
		"Te":                "no trailers are read",
		"Accept-Encoding":   "compressed answers are not read",
		"Last-Event-Id":     "listeners send their own",
	}[name]
	if name == "Connection" && !strings.EqualFold(value, "close") {
		why = "close alone can be asked for"
	}
	if why != "" {
		return fmt.Errorf("%s cannot be given: %s", name, why)
	}
	return nil
}

func (h headers) has(name string) bool {
	return slices.ContainsFunc(h, func(of header) bool { return of.name == name })
}

// names lists the names of the headers, each once, for reports.
func (h headers) names() []string {
	var all []string
	for _, of := range h {
		if !slices.Contains(all, of.name) {
			all = append(all, of.name)
		}
	}
	return all
}

// head returns the beginning of a request, without the empty line at its end. own are the
// lines that such a request has anyway: the headers replace those that have the same
// name.
func (h headers) head(method string, path template, to *endpoint, own ...header) template {
	own = slices.Concat([]header{{"Host", template{}.text(to.url.Host)}}, own)
	if to.authorization != "" {
		own = append(own, header{"Authorization", template{}.text(to.authorization)})
	}
	all := template{}.text(method + " ").join(path).text(" HTTP/1.1\r\n")
	for _, line := range own {
		if i := slices.IndexFunc(h, func(of header) bool { return of.name == line.name }); i >= 0 {
			line.value = h[i].value
		}
		all = all.text(line.name + ": ").join(line.value).text("\r\n")
	}
	for _, line := range h {
		if !slices.ContainsFunc(own, func(of header) bool { return of.name == line.name }) {
			all = all.text(line.name + ": ").join(line.value).text("\r\n")
		}
	}
	return all
}

// without returns the headers but for those of some names.
func (h headers) without(names ...string) headers {
	return slices.DeleteFunc(slices.Clone(h), func(of header) bool { return slices.Contains(names, of.name) })
}

// post returns the beginning of a POST, up to the length of its body.
func (h headers) post(path template, to *endpoint, contentType string) template {
	return h.head("POST", path, to, header{"Content-Type", template{}.text(contentType)}).text("Content-Length: ")
}

// register returns a GET that registers a listener.
func (h headers) register(path string, to *endpoint) template {
	return h.without("Content-Type").head("GET", template{}.text(path), to).text("\r\n")
}

// stream returns the beginning of a GET of a stream, without the empty line at its end.
func (h headers) stream(path string, to *endpoint) template {
	return h.without("Content-Type", "Accept").head("GET", template{}.text(path), to,
		header{"Accept", template{}.text("text/event-stream")}, header{"Cache-Control", template{}.text("no-store")})
}
