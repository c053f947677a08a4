package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/wire"
)

// recordPrinter prints records as they come. Those of one partition keep their order.
type recordPrinter struct {
	json       bool
	topic      string
	reactions  bool // the topic is emoji-topic
	maxRecords int  // 0: no limit
	wants      func(value []byte) bool

	out     *bufio.Writer // flushed after every batch
	printed int
}

func newRecordPrinter(out io.Writer, topic string, asJSON bool) *recordPrinter {
	return &recordPrinter{out: bufio.NewWriter(out), topic: topic, json: asJSON}
}

func (p *recordPrinter) print(partition int, records []stream.Record) error {
	for _, r := range records {
		if p.maxRecords > 0 && p.printed == p.maxRecords { // another partition may have had the last one
			break
		}
		if !p.wants(r.Value) {
			continue
		}
		p.printed++
		if _, err := p.out.Write(append(p.line(partition, r), '\n')); err != nil {
			return err
		}
	}
	if err := p.out.Flush(); err != nil {
		return err
	}
	if p.maxRecords > 0 && p.printed == p.maxRecords {
		return errEnough
	}
	return nil
}

func (p *recordPrinter) line(partition int, r stream.Record) []byte {
	if p.json {
		return jsonLine(p.topic, partition, r)
	}
	what, ok := "", false
	if p.reactions {
		what, ok = reactionLine(r)
	}
	switch {
	case ok:
	case r.Value == nil:
		what = fmt.Sprintf("%s (no value)", r.Key)
	default:
		what = string(r.Value)
	}
	return []byte(time.UnixMilli(r.Time).Format("15:04:05.000") + "  " + text.Clean(what))
}

// reactionLine prints a reaction for a person: emoji, user, the client's timestamp, and
// the time from there to the record's timestamp, if the client's can be read.
func reactionLine(r stream.Record) (string, bool) {
	t, err := wire.DecodeReactionFields(r.Value)
	if err != nil {
		return "", false
	}
	s := fmt.Sprintf("%s  %s  %s", t.Emoji, t.UserID, t.Timestamp)
	if tapped, err := time.Parse(time.RFC3339, string(t.Timestamp)); err == nil {
		s += "  " + signedDuration(time.UnixMilli(r.Time).Sub(tapped))
	}
	if len(t.Channel) > 0 {
		s += fmt.Sprintf("  in %s", t.Channel)
	}
	return s, true
}

// signedDuration writes a duration with its sign. It may be negative, as clocks differ.
func signedDuration(d time.Duration) string {
	if d.Abs() < time.Second {
		return fmt.Sprintf("%+dms", d.Milliseconds())
	}
	s := d.Round(time.Millisecond).String()
	if d > 0 {
		return "+" + s
	}
	return s
}

// recordJSON is a record as consume -o json prints it.
type recordJSON struct {
	Topic     string `json:"topic"`
	Partition int    `json:"partition"`
	Offset    int64  `json:"offset"`
	Time      string `json:"time"`
	Key       string `json:"key,omitempty"`
	Value     any    `json:"value"` // JSON unchanged, anything else as a string
}

func jsonLine(topic string, partition int, r stream.Record) []byte {
	c := recordJSON{topic, partition, r.Offset, string(wire.AppendTime(nil, r.Time)), string(r.Key), nil}
	switch {
	case r.Value == nil:
	case json.Valid(r.Value):
		c.Value = json.RawMessage(r.Value)
	default:
		c.Value = string(r.Value)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(c); err != nil {
		panic(err) // strings, integers and valid JSON always encode
	}
	return text.EscapeJSON(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}
