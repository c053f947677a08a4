package loadgen

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"strings"

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
			err = fmt.Errorf("%.60q: placeholders stand in no path of a server", hideSecrets(c.Server))
		}
		return t, err
	}
	p := c.Publish
	t.contentType = cmp.Or(p.ContentType, jsonType)
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
	if t.body, err = parseTemplate(cmp.Or(p.Body, `{"marker":"{{marker}}"}`), nil); err != nil {
		return t, fmt.Errorf("the body: %w", err)
	}
	if len(p.StreamURLs) > 0 && !t.body.has(markerField) {
		return t, errors.New("the body holds no {{marker}}, by which an event would be recognised in the stream")
	}
	return t, nil
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
	return &runValues{id: newRunID(), mix: newReactionMix(c.Seed, c.Users, c.Kinds), batch: int64(c.Batch)}
}

// requestOptions returns what a report tells of requests; nil: nothing.
func (c Config) requestOptions() *report.RequestOptions {
	t, _ := c.templates() // Check has parsed it without an error
	o := report.RequestOptions{Headers: t.headers.names(), OK: c.OK}
	if o.IsZero() {
		return nil
	}
	return &o
}
