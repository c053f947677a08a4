package fanout_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/server/fanout"
)

// A stream is never silent for longer than KeepAlive. The keep-alive is sent no earlier
// than a second before that time.
func TestKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := start(t, newTopic(), fanout.Config{KeepAlive: 15 * time.Second, Retry: 1500 * time.Millisecond})
		l, quiet := in.listen(t, "/v1/swarm", ""), in.listen(t, "/sub1", "")
		pass(14*time.Second - time.Millisecond)
		l.hears(t, "retry:1500")
		pass(time.Second + time.Millisecond)
		l.hears(t, ":")
		pass(10 * time.Second)
		in.topic.publish(swarm(1, 0)) // nothing for the stream of single emojis
		l.hears(t, "1=0")
		pass(14*time.Second - time.Millisecond)
		l.hears(t, "")
		pass(time.Second + time.Millisecond)
		l.hears(t, ":")
		pass(30 * time.Second)
		l.hears(t, ": :")
		quiet.hears(t, "retry:1500 : : : : :")
	})
}

// A page cannot see comments, so it may ask for keep-alives as events. They come at the
// same times, as events of a name of their own and without an id.
func TestHeartbeatEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := start(t, newTopic(), fanout.Config{KeepAlive: 15 * time.Second})
		l, singles, other := in.listen(t, "/v1/swarm?signals=1", ""), in.listen(t, "/sub1?signals=1", ""), in.listen(t, "/v1/swarm?signals=", "")
		pass(14*time.Second - time.Millisecond)
		l.hears(t, "retry:2000 open")
		pass(time.Second + time.Millisecond)
		l.hears(t, "heartbeat")
		in.topic.publish(swarm(1, 0))
		l.hears(t, "1=0")
		pass(30 * time.Second)
		l.hears(t, "heartbeat heartbeat")
		singles.hears(t, "retry:2000 open heartbeat heartbeat heartbeat")
		other.hears(t, "retry:2000 : 1=0 : :")
		if status, _, body := in.get(t, http.MethodGet, "/v1/swarm?signals=2"); status != http.StatusUnprocessableEntity || !strings.Contains(body, `"invalid_signals"`) || !strings.Contains(body, "1 is allowed") {
			t.Errorf("answered %d %s", status, body)
		}
	})
}
