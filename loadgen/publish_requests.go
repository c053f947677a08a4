package loadgen

import (
	"strconv"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/wire"
)

// publishRequests publishes events to another service. Each body contains a marker, by
// which the event is recognised in the service's stream.
type publishRequests struct {
	to     *endpoint
	head   []byte   // see postHead
	pieces []string // of the body: text and placeholders by turns
	runID  string   // this run's markers begin with it
	expect func(n int64, due time.Time)
}

// The placeholders of a body.
const (
	markerField = "{{marker}}"
	timeField   = "{{time}}"
	seqField    = "{{seq}}"
)

var _ requests = (*publishRequests)(nil)

func newPublishRequests(to *endpoint, p *Publish, runID string) *publishRequests {
	body, contentType := p.Body, p.ContentType
	if body == "" {
		body = `{"marker":"` + markerField + `"}`
	}
	if contentType == "" {
		contentType = "application/json"
	}
	out := &publishRequests{to: to, head: postHead(to, to.url.RequestURI(), contentType), runID: runID, expect: func(int64, time.Time) {}}
	for body != "" {
		at, field := len(body), ""
		for _, f := range []string{markerField, timeField, seqField} {
			if i := strings.Index(body, f); i >= 0 && i < at {
				at, field = i, f
			}
		}
		out.pieces = append(out.pieces, body[:at], field)
		body = body[at+len(field):]
	}
	return out
}

func (p *publishRequests) appendRequest(dst []byte, n int64, due time.Time) []byte {
	p.expect(n, due)
	return appendPost(dst, p.head, func(b []byte) []byte {
		for _, piece := range p.pieces {
			switch piece {
			case markerField:
				b = append(b, p.runID...)
				b = strconv.AppendInt(b, n, 10)
				b = append(b, markerEnd...)
			case timeField:
				b = wire.AppendTime(b, due.UnixMilli())
			case seqField:
				b = strconv.AppendInt(b, n, 10)
			default:
				b = append(b, piece...)
			}
		}
		return b
	})
}

func (p *publishRequests) answered(out *requestOutcome, n int64, res response) {
	if res.status >= 200 && res.status < 300 {
		out.accepted = 1
		out.acknowledged = append(out.acknowledged, acknowledgement{at: n + 1})
		return
	}
	out.errorKind = statusKind(p.to, p.to.url.RequestURI(), res)
	p.unanswered(out, n, client.AnswerOutcome(res.status, "") != client.InDoubt)
}

func (p *publishRequests) unanswered(out *requestOutcome, _ int64, unreached bool) {
	if unreached {
		out.rejected = 1
	} else {
		out.inDoubt = 1
	}
}
