package loadgen

import (
	"time"

	"github.com/emostream/emostream/internal/client"
)

// publishRequests publishes events to another service. Each body contains a marker, by
// which the event is recognised in the service's stream.
type publishRequests struct {
	to     *endpoint
	run    *runValues
	head   template // see headers.post
	body   template
	expect func(n int64, due time.Time)
}

var _ requests = (*publishRequests)(nil)

func newPublishRequests(to *endpoint, run *runValues, t templates) *publishRequests {
	return &publishRequests{to: to, run: run, head: t.headers.post(t.postPath, to, t.contentType), body: t.body, expect: func(int64, time.Time) {}}
}

func (p *publishRequests) appendRequest(dst []byte, n int64, due time.Time) []byte {
	p.expect(n, due)
	v := values{runValues: p.run, number: n, at: due}
	return appendPost(dst, p.head, &v, func(b []byte) []byte { return p.body.append(b, &v) })
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
