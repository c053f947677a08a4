package loadgen

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/wire"
)

// template is a text with placeholders, such as {{seq}}: a body, the value of a header,
// or the path and query of a URL. The same value may be used concurrently.
type template []piece

// piece is a part of a template: a text, or a placeholder.
type piece struct {
	text    string
	field   field // not literal: the piece is a placeholder, and text is empty
	escaped bool  // what the placeholder stands for is written as in a URL
	secret  bool  // the text comes from Config.Variable
}

// field is what a placeholder stands for.
type field byte

const (
	literal field = iota
	markerField
	timeField
	seqField
	userField
	emojiField
	lineField
	tokenField // of the user; it has no name, and stands in no text that is given
)

// fieldNames returns the names of the placeholders, by field.
func fieldNames() []string {
	return []string{markerField: "marker", timeField: "time", seqField: "seq", userField: "user", emojiField: "emoji", lineField: "line"}
}

// runValues is what the placeholders of all requests of a run have in common.
type runValues struct {
	id    string // a marker begins with it
	mix   reactionMix
	batch int64
	lines []string // what {{line}} stands for, in turn

	tokens *tokens // nil: none are shown
}

// values is what the placeholders of one request stand for.
type values struct {
	*runValues
	number   int64 // of the request, or of the listener that makes it
	listener bool
	at       time.Time // when the request is due
}

// append appends the template with its placeholders replaced.
func (t template) append(dst []byte, v *values) []byte {
	for i := range t {
		p := &t[i]
		start := len(dst)
		switch p.field {
		case literal:
			dst = append(dst, p.text...)
		case markerField:
			dst = append(dst, v.id...)
			if v.listener {
				dst = append(dst, 'l') // so that it is the marker of no event
			}
			dst = strconv.AppendInt(dst, v.number, 10)
			dst = append(dst, markerEnd...)
		case timeField:
			dst = wire.AppendTime(dst, v.at.UnixMilli())
		case seqField:
			dst = strconv.AppendInt(dst, v.number, 10)
		case userField:
			user, _ := v.userAndEmoji()
			dst = v.mix.appendUser(dst, user)
		case emojiField:
			_, emoji := v.userAndEmoji()
			dst = append(dst, v.mix.emojis[emoji]...)
		case lineField:
			dst = append(dst, v.lines[v.number%int64(len(v.lines))]...)
		case tokenField:
			user, _ := v.userAndEmoji()
			dst = append(dst, v.tokens.of(user, v.at)...)
		}
		if p.escaped {
			dst = append(dst[:start], escapeInURL(string(dst[start:]))...)
		}
	}
	return dst
}

// userAndEmoji returns the user who makes the request and the emoji that is sent: of
// several reactions, those of the first. Listeners are the users in turn.
func (v *values) userAndEmoji() (user, emoji int) {
	if !v.listener {
		return v.mix.userAndEmoji(v.number * v.batch)
	}
	_, emoji = v.mix.userAndEmoji(v.number)
	return int(v.number % int64(v.mix.users)), emoji
}

// escapeInURL writes a text so that it can stand in the path or the query of a URL.
func escapeInURL(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// has returns whether a placeholder stands in the template.
func (t template) has(f field) bool {
	return slices.ContainsFunc(t, func(p piece) bool { return p.field == f })
}

// text appends a text to the template. Texts beside each other become one, so that a
// template without placeholders has one piece.
func (t template) text(s string) template {
	if last := len(t) - 1; last >= 0 && t[last].field == literal && !t[last].secret {
		out := slices.Clone(t)
		out[last].text += s
		return out
	}
	return append(slices.Clip(t), piece{text: s})
}

// join appends another template. The joined one no longer tells which texts are secret.
func (t template) join(other template) template {
	for _, p := range other {
		if p.field == literal {
			t = t.text(p.text)
			continue
		}
		t = append(slices.Clip(t), p)
	}
	return t
}

// lookup returns what ${NAME} stands for in a template.
type lookup func(name string) (string, error)

// parseTemplate parses a text with placeholders. ${NAME} stands for variable(NAME); where
// variable is nil it is a text like any other. No error tells the value of a variable.
func parseTemplate(s string, variable lookup) (template, error) {
	var t template
	placeholder := regexp.MustCompile(`\{\{\s*([A-Za-z_][A-Za-z0-9_.-]*)\s*\}\}|\$\{([^{}]*)\}`)
	whole := s
	for s != "" {
		at := placeholder.FindStringSubmatchIndex(s)
		before := s
		if at != nil {
			before = s[:at[0]]
		}
		if open := strings.Index(before, "${"); open >= 0 && variable != nil {
			return nil, fmt.Errorf("character %d: ${ without its }: want ${NAME}", utf8.RuneCountInString(whole[:len(whole)-len(s)+open])+1)
		}
		if at == nil {
			return append(t, piece{text: s}), nil
		}
		if at[0] > 0 {
			t = append(t, piece{text: s[:at[0]]})
		}
		switch all := s[at[0]:at[1]]; {
		case at[2] >= 0:
			f := slices.Index(fieldNames(), s[at[2]:at[3]])
			if f < 0 {
				return nil, fmt.Errorf("there is no {{%.40s}}: there is %s", s[at[2]:at[3]], knownFields())
			}
			t = append(t, piece{field: field(f)})
		case variable == nil:
			t = append(t, piece{text: all})
		default:
			value, err := variable(s[at[4]:at[5]])
			if err != nil {
				return nil, fmt.Errorf("%.60s: %w", all, err)
			}
			t = append(t, piece{text: value, secret: true})
		}
		s = s[at[1]:]
	}
	return t, nil
}

// knownFields lists the placeholders.
func knownFields() string {
	names := fieldNames()[1:]
	for i := range names {
		names[i] = "{{" + names[i] + "}}"
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// parseURL parses a URL with placeholders in its path or query. The path that it returns
// is what a request asks for, with the query. The URL is for messages and for the
// connection: its placeholders stand in it as they were written, and so do variables,
// but for those of its user and password.
func parseURL(s string, variable lookup) (u *url.URL, path template, err error) {
	bad := fmt.Errorf("%.60q: want a URL like http://localhost:5000", text.ShownURL(s))
	if variable == nil {
		variable = noVariables
	}
	t, err := parseTemplate(s, variable)
	if err != nil {
		return nil, nil, fmt.Errorf("%.60q: %w", text.ShownURL(s), err)
	}
	// Each placeholder is held by a word while the URL is parsed and escaped.
	word := func(i int) string { return fmt.Sprintf("emoplaceholder%dz", i) }
	var words strings.Builder
	for i, p := range t {
		if p.field != literal || p.secret {
			words.WriteString(word(i))
			continue
		}
		words.WriteString(p.text)
	}
	u, err = url.Parse(words.String())
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, nil, bad
	}
	for i, p := range t {
		if inUser := u.User != nil && strings.Contains(u.User.String(), word(i)); strings.Contains(u.Host, word(i)) || inUser && p.field != literal {
			return nil, nil, fmt.Errorf("%.60q: placeholders stand in the path and in the query of a URL, and in no host, user or password", text.ShownURL(s))
		}
	}
	fill := func(s string, with func(piece) string) string {
		for i, p := range t {
			s = strings.ReplaceAll(s, word(i), with(p))
		}
		return s
	}
	value := func(p piece) string { return p.text }
	if u.User != nil {
		password, some := u.User.Password()
		user := url.User(fill(u.User.Username(), value))
		if some {
			user = url.UserPassword(user.Username(), fill(password, value))
		}
		u.User = user
	}
	path = template{{text: u.RequestURI()}}
	for i, p := range t {
		if p.field == literal && !p.secret {
			continue
		}
		path = path.replace(word(i), p)
	}
	shown := func(piece) string { return "…" }
	u.Path, u.RawPath, u.RawQuery, u.Fragment = fill(u.Path, shown), "", fill(u.RawQuery, shown), ""
	return u, path, nil
}

// replace puts a placeholder, or the text of a variable, in the place of a word.
func (t template) replace(word string, p piece) template {
	var out template
	for _, old := range t {
		for old.field == literal {
			before, after, found := strings.Cut(old.text, word)
			if !found {
				break
			}
			out = out.text(before)
			if p.field == literal {
				out = out.text(escapeInURL(p.text))
			} else {
				out = append(out, piece{field: p.field, escaped: true})
			}
			old.text = after
		}
		out = append(out, old)
	}
	return slices.DeleteFunc(out, func(p piece) bool { return p.field == literal && p.text == "" })
}

func noVariables(string) (string, error) { return "", errors.New("there are no variables") }
