package fanout_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/server/fanout"
)

// A channel is deleted when it had neither a swarm nor a listener for ten minutes.
func TestQuietChannelsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := start(t, newTopic(), fanout.Config{})
		for _, channel := range []string{"left", "heard", "spoken", "unheard"} {
			in.topic.publish(elsewhere(channel, swarm(1, 1)))
		}
		heard := in.listen(t, "/v1/swarm?channel=heard", "")
		heard.hears(t, "retry:2000 1=1")
		in.listen(t, "/v1/swarm?channel=unheard", "").leave()
		pass(9 * time.Minute)
		in.topic.publish(elsewhere("spoken", swarm(2, 2)))
		pass(3 * time.Minute)
		heard.heard() // keep-alives
		for channel, want := range map[string]string{"left": "", "heard": " 1=1", "spoken": " 2=2", "unheard": ""} {
			in.listen(t, "/v1/swarm?channel="+channel, "").hears(t, "retry:2000"+want)
		}
		in.topic.publish(elsewhere("heard", swarm(3, 3)), elsewhere("left", swarm(3, 3)))
		heard.hears(t, "3=3")
		in.listen(t, "/v1/swarm?channel=left", "").hears(t, "retry:2000 3=3")
	})
}

// A listener may come to a channel before its first swarm. It is sent that swarm, even
// if other listeners of the channel have left before.
func TestChannelThatDoesNotExistYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := start(t, newTopic(), fanout.Config{})
		early, other := in.listen(t, "/v1/swarm?channel=new", ""), in.listen(t, "/v1/swarm?channel=new", "")
		other.leave()
		synctest.Wait()
		in.topic.publish(elsewhere("new", swarm(1, 1)))
		early.hears(t, "retry:2000 1=1")
		early.leave()
		synctest.Wait()
		in.listen(t, "/v1/swarm?channel=new", "").hears(t, "retry:2000 1=1")
		for i := range 100 {
			in.listen(t, fmt.Sprintf("/v1/swarm?channel=none%d", i), "").leave()
		}
	})
}
