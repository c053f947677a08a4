package loadgen

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/loadgen/report"
)

// templates is what a Config says about requests, parsed.
type templates struct {
	headers headers
	server  *url.URL // nil: the target is another service

	postURL     *url.URL // of another service
	postPath    template
	streams     []streamTemplate
	body        template
	contentType string
	ok          *okCondition // nil: the status tells
}

// streamTemplate is where a stream of another service is.
type streamTemplate struct {
	url  *url.URL
	path template
}

// templates parses everything in which placeholders may stand.
func (c Config) templates() (t templates, err error) {
	if t.headers, err = parseHeaders(c.Headers, c.Variable); err != nil {
		return t, err
	}
	if c.OK != "" {
		if t.ok, err = parseOK(c.OK); err != nil {
			return t, err
		}
	}
	if c.Publish == nil {
		var path template
		if t.server, path, err = parseURL(c.Server, c.Variable); err == nil && strings.Contains(t.server.Path, "…") || len(path) > 1 {
			err = fmt.Errorf("%.60q: placeholders stand in no path of a server", text.ShownURL(c.Server))
		}
		if err == nil {
			err = t.checkLines(c.Lines)
		}
		if err == nil {
			err = c.checkTokens(t.headers, t.server)
		}
		return t, err
	}
	if err := c.checkTokens(t.headers, nil); err != nil {
		return t, err
	}
	p := c.Publish
	if t.contentType = cmp.Or(p.ContentType, jsonType); strings.ContainsFunc(t.contentType, isControl) {
		return t, errors.New("the type of the body holds a line break or another control character")
	}
	body := `{"marker":"{{marker}}"}`
	if len(c.Lines) > 0 {
		body = "{{line}}"
	}
	if t.postURL, t.postPath, err = parseURL(p.PostURL, c.Variable); err != nil {
		return t, err
	}
	for _, of := range p.StreamURLs {
		var s streamTemplate
		if s.url, s.path, err = parseURL(of, c.Variable); err != nil {
			return t, err
		}
		t.streams = append(t.streams, s)
	}
	if t.body, err = parseTemplate(cmp.Or(p.Body, body), nil); err != nil {
		return t, fmt.Errorf("the body: %w", err)
	}
	if len(p.StreamURLs) > 0 && !t.body.has(markerField) {
		return t, errors.New("the body holds no {{marker}}, by which an event would be recognised in the stream")
	}
	return t, t.checkLines(c.Lines)
}

// judged returns requests whose answers the condition judges, if there is one.
func (t templates) judged(r requests) requests {
	if t.ok == nil {
		return r
	}
	return conditionalRequests{r, t.ok}
}

// runValues returns what the placeholders of a run have in common.
func (c Config) runValues() *runValues {
	mix := c.reactionMix()
	return &runValues{id: newRunID(), mix: mix, batch: int64(c.Batch), lines: c.Lines, tokens: c.newTokens(mix)}
}

// reactionMix returns who sends what.
func (c Config) reactionMix() reactionMix {
	if r := c.Replay; r != nil {
		return reactionMix{users: len(r.users), emojis: r.emojis, recorded: r}
	}
	return newReactionMix(c.Seed, c.Users, c.Kinds)
}

// checkLines returns what is wrong with the lines of data and with where they stand.
func (t templates) checkLines(lines []string) error {
	used := t.postPath.has(lineField) || t.body.has(lineField) || slices.ContainsFunc(t.streams, func(s streamTemplate) bool { return s.path.has(lineField) })
	for _, h := range t.headers {
		if !h.value.has(lineField) {
			continue
		}
		used = true
		for i, line := range lines {
			if strings.ContainsFunc(line, isControl) {
				return fmt.Errorf("line %d of the data: it holds a control character, which stands in no header", i+1)
			}
		}
	}
	switch {
	case used && len(lines) == 0:
		return errors.New("there are no lines of data for {{line}}")
	case !used && len(lines) > 0:
		return errors.New("the lines of data stand nowhere: put {{line}} into the body, a header or a URL")
	}
	return nil
}

// requestOptions returns what a report tells of requests; nil: nothing.
func (c Config) requestOptions() *report.RequestOptions {
	t, _ := c.templates() // Check has parsed it without an error
	o := report.RequestOptions{Headers: t.headers.names(), OK: c.OK, AsRecorded: c.asRecorded()}
	if c.Token != nil {
		o.Headers = append(o.Headers, "Authorization")
	}
	if c.Replay != nil {
		o.Replay = c.Replay.String()
	}
	if len(c.Lines) > 0 {
		sum := sha256.Sum256([]byte(strings.Join(c.Lines, "\n")))
		o.Data = fmt.Sprintf("%s, %x", text.Plural(int64(len(c.Lines)), "line"), sum[:4])
	}
	if o.IsZero() {
		return nil
	}
	return &o
}
