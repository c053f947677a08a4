package contract

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/emostream/emostream/internal/stream"
)

// Messages checks records and events.
type Messages struct {
	strict   *document
	channels []channel
}

// channel is a topic or a stream of the document.
type channel struct {
	name     string // in the document
	matches  *regexp.Regexp
	messages []string
}

// NewMessages reads asyncapi.yaml.
func NewMessages() (*Messages, error) {
	strict, err := load("asyncapi.yaml", true)
	if err != nil {
		return nil, err
	}
	m := &Messages{strict: strict}
	for name := range strict.names("channels") {
		found, _, _ := strict.at("channels", name)
		address, _ := found["address"].(string)
		pattern := regexp.QuoteMeta(address)
		pattern = strings.ReplaceAll(pattern, `\{number\}`, `[1-9][0-9]{0,3}`)
		pattern = strings.ReplaceAll(pattern, `\{cluster\}`, `cluster_[0-9]+`)
		c := channel{name: name, matches: regexp.MustCompile("^" + pattern + "$")}
		for message := range strict.names("channels", name, "messages") {
			c.messages = append(c.messages, message)
		}
		m.channels = append(m.channels, c)
	}
	return m, nil
}

// of returns the topic or stream of an address.
func (m *Messages) of(address string) (channel, error) {
	for _, c := range m.channels {
		if c.matches.MatchString(address) {
			return c, nil
		}
	}
	return channel{}, fmt.Errorf("asyncapi.yaml has no topic and no stream %s", address)
}

// Record returns what of a record of a topic the document does not say. The topic is named
// without the prefix of the installation.
func (m *Messages) Record(topic string, r stream.Record) error {
	c, err := m.of(topic)
	if err != nil {
		return err
	}
	var faults []error
	for _, message := range c.messages {
		fault := m.recordIs(r, "channels", c.name, "messages", message)
		if fault == nil {
			return nil
		}
		faults = append(faults, fmt.Errorf("it is no %s: %w", message, fault))
	}
	return fmt.Errorf("asyncapi.yaml does not know this record of %s: %w\nkey %q, headers %q\n%.600s", topic, errors.Join(faults...), r.Key, r.Headers, r.Value)
}

// recordIs returns why a record is not the message at a place.
func (m *Messages) recordIs(r stream.Record, place ...string) error {
	message, where, _ := m.strict.at(place...)
	under := func(names ...string) []string { return append(slices.Clip(where), names...) }
	if _, _, keyed := m.strict.at(under("bindings", "kafka", "key")...); keyed {
		if err := m.strict.checkValue(string(r.Key), under("bindings", "kafka", "key")...); err != nil {
			return fmt.Errorf("its key: %w", err)
		}
	}
	_, known := message["headers"].(object)
	if !known && len(r.Headers) > 0 {
		return errors.New("it has headers")
	}
	if known {
		headers := object{}
		for _, h := range r.Headers {
			headers[h.Key] = string(h.Value)
		}
		if err := m.strict.checkValue(headers, under("headers")...); err != nil {
			return fmt.Errorf("its headers: %w", err)
		}
	}
	value := r.Value
	if len(value) == 0 {
		value = []byte("null")
	}
	return m.strict.check(value, under("payload")...)
}

// events checks the frames of one stream as they are read.
type events struct {
	messages *Messages
	channel  channel
	rest     []byte // of a frame that has begun
}

// add returns what of the bytes of a stream, which follow those before, the document does
// not say.
func (e *events) add(b []byte) error {
	e.rest = append(e.rest, b...)
	for {
		frame, rest, ended := bytes.Cut(e.rest, []byte("\n\n"))
		if !ended {
			return nil
		}
		e.rest = append([]byte(nil), rest...)
		if err := e.check(string(frame)); err != nil {
			return fmt.Errorf("asyncapi.yaml does not know this event of %s: %w\n%.600s", e.channel.name, err, frame)
		}
	}
}

// check returns what of a frame the document does not say. A line of the program's streams is
// a field, a comment, or retry.
func (e *events) check(frame string) error {
	name, id, data := "message", "", ""
	for line := range strings.SplitSeq(frame, "\n") {
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			name = value
		case "id":
			id = value
		case "data":
			data += value
		case "", "retry":
		default:
			return fmt.Errorf("it has a line %q", line)
		}
	}
	if data == "" {
		return errors.New("it has no data, and many clients take it for an event all the same")
	}
	if id != "" && name != "swarm" {
		return errors.New("it has an id, and is no window")
	}
	if strings.Trim(id, "0123456789") != "" {
		return fmt.Errorf("it has the id %q, which is no time in ms", id)
	}
	for _, message := range e.channel.messages {
		place := []string{"channels", e.channel.name, "messages", message}
		found, where, _ := e.messages.strict.at(place...)
		if found["name"] == name {
			return e.messages.strict.check([]byte(data), append(where, "payload")...)
		}
	}
	return fmt.Errorf("there is no event %s", name)
}

// Transport returns a transport that reports what the document does not know of the event
// streams that it gets. It looks at nothing else.
func (m *Messages) Transport(base http.RoundTripper, report func(error)) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		res, err := base.RoundTrip(r)
		if err != nil || res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
			return res, err
		}
		c, err := m.of(r.URL.Path)
		if err != nil {
			return res, nil //nolint:nilerr // a stream of somebody else
		}
		res.Body = &streamBody{ReadCloser: res.Body, events: events{messages: m, channel: c}, report: report}
		return res, nil
	})
}

type streamBody struct {
	io.ReadCloser
	events events
	report func(error) // nil: it was called
}

func (b *streamBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.report != nil {
		if fault := b.events.add(p[:n]); fault != nil {
			b.report(fault)
			b.report = nil
		}
	}
	return n, err
}
