package wire

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/emostream/emostream/internal/text/quote"
)

// EmbeddedClusterID is the Kafka cluster id of the embedded broker. If that broker goes
// away while requests are open, these must be treated differently than with Apache
// Kafka.
const EmbeddedClusterID = "emostream-embedded"

// Topics names the topics of one installation. The zero value has the default names.
// Prefix keeps the topics of several installations on one Kafka cluster apart.
type Topics struct {
	Prefix string
}

// Reactions is the name of the topic of single reactions, one record for each.
func (t Topics) Reactions() string { return t.Prefix + "emoji-topic" }

// Partials is the name of the topic between the two halves of aggregate.
func (t Topics) Partials() string { return t.Prefix + "emoji-partials" }

// Counts is the name of the topic of counts, one record for each emoji of a window.
func (t Topics) Counts() string { return t.Prefix + "emoji-aggregated" }

// Servers is the name of the compacted topic in which subscriber servers announce
// themselves.
func (t Topics) Servers() string { return t.Prefix + "emostream-servers" }

// Clock is the name of the topic in which brokers tell the time to whoever compares the
// clocks.
func (t Topics) Clock() string { return t.Prefix + "emostream-clock" }

// Controls is the name of the compacted topic of what is in force while an event runs.
func (t Topics) Controls() string { return t.Prefix + "emostream-controls" }

// Cluster is the name of the topic of a cluster's swarms. cluster is for example
// "cluster_1".
func (t Topics) Cluster(cluster string) string { return t.Prefix + cluster }

// Server is the name of the topic of one subscriber server's swarms. For the server
// "sub1" it is "sub_1".
func (t Topics) Server(server string) string {
	return t.Prefix + "sub_" + strings.TrimPrefix(server, "sub")
}

// ServerNumber returns the N of a subscriber server's name subN.
func ServerNumber(name string) (int, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(name, "sub"))
	if err != nil || n < 1 || n > 9999 || name != "sub"+strconv.Itoa(n) {
		return 0, fmt.Errorf("%s is not a subscriber server's name: use sub1 to sub9999", quote.Text(name, 40))
	}
	return n, nil
}

// maxTopicName is how many bytes the name of a topic may have here.
const maxTopicName = 200

func inTopicName(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '.' || r == '_' || r == '-'
}

// CheckTopicName returns an error if Kafka does not accept s as the name of a topic or
// of a consumer group, or as the beginning of one.
func CheckTopicName(s string) error {
	if len(s) == 0 || len(s) > maxTopicName || strings.ContainsFunc(s, func(r rune) bool { return !inTopicName(r) }) {
		return fmt.Errorf("%s is not a valid name: 1 to 200 of A-Z a-z 0-9 . _ -", quote.Text(s, 40))
	}
	return nil
}
