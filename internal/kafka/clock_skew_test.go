package kafka_test

import (
	"testing"
	"time"

	"github.com/emostream/emostream/internal/kafka"
)

func TestSkew(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k cluster) {
		c := k.open(t)
		skew := func(config map[string]string) (ahead time.Duration, known bool) {
			topic := k.topic(t, 1, config)
			eventually(t, func() (err error) { // the client learns of the topic
				ahead, known, err = c.ClockSkew(within(t), topic)
				return err
			})
			return ahead, known
		}
		ahead, known := skew(map[string]string{"message.timestamp.type": "LogAppendTime", "cleanup.policy": "compact"})
		if known == k.embedded || ahead.Abs() > 5*time.Second {
			t.Errorf("the clock of this machine is %v ahead of itself, %v", ahead, known)
		}
		if _, known := skew(nil); known {
			t.Error("a topic that the broker does not stamp tells the time")
		}
		if _, _, err := c.ClockSkew(within(t), unique(t)); !kafka.NoTopic(err) {
			t.Errorf("without the topic the error is %v", err)
		}
	})
}
