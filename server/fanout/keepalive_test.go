package fanout_test

import (
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
