package doctor_test

import (
	"maps"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/inspect/doctor"
	"github.com/emostream/emostream/internal/kafka"
)

// healthy returns an installation's topics on three brokers, as the stages create them.
func healthy(lateness time.Duration) map[doctor.Role]doctor.Topic {
	l := kafka.Layout{Lateness: lateness}
	topics := map[doctor.Role]doctor.Topic{}
	for role, want := range map[doctor.Role]kafka.Topic{
		doctor.Reactions: l.ReactionsTopic(), doctor.Partials: l.PartialsTopic(), doctor.Counts: l.CountsTopic(),
		doctor.Heartbeats: l.ServersTopic(), doctor.Times: l.ClockTopic(), doctor.Controls: l.ControlsTopic(), doctor.Swarms: l.ServerTopic("sub1"),
	} {
		config := map[string]string{ // Kafka's defaults
			"cleanup.policy": "delete", "retention.ms": "604800000", "retention.bytes": "-1", "max.message.bytes": "1048588",
			"message.timestamp.type": "CreateTime", "message.timestamp.before.max.ms": "9223372036854775807",
			"message.timestamp.after.max.ms": "3600000", "unclean.leader.election.enable": "false", "min.insync.replicas": "2",
		}
		maps.Copy(config, want.Config)
		topics[role] = doctor.Topic{
			Role: role, Want: want,
			TopicState: kafka.TopicState{Name: want.Name, Exists: true, Partitions: want.Partitions, Replication: 3, Config: config},
		}
	}
	return topics
}

func TestTopics(t *testing.T) {
	set := func(name, value string) func(*doctor.Topic) {
		return func(t *doctor.Topic) { t.Config[name] = value }
	}
	unset := func(name string) func(*doctor.Topic) { return func(t *doctor.Topic) { delete(t.Config, name) } }
	const after, before = "message.timestamp.after.max.ms", "message.timestamp.before.max.ms"
	for name, tt := range map[string]struct {
		role   doctor.Role
		change func(*doctor.Topic)
		need   func(*doctor.Need)
		says   string
		want   []string
	}{
		"all is well":           {doctor.Reactions, func(*doctor.Topic) {}, nil, "4 partitions, 3 copies", nil},
		"not there":             {doctor.Reactions, func(t *doctor.Topic) { t.Exists = false }, nil, "emoji-topic: not there yet", []string{"note missing"}},
		"settings not shown":    {doctor.Reactions, func(t *doctor.Topic) { t.Config = map[string]string{} }, nil, "not shown to this user: emoji-topic", []string{"note settings"}},
		"no leaders":            {doctor.Reactions, func(t *doctor.Topic) { t.Leaderless, t.UnderISR = 2, 3 }, nil, "no leader: 2 of 4 partitions of emoji-topic", []string{"wrong leaders"}},
		"copies behind":         {doctor.Swarms, func(t *doctor.Topic) { t.UnderISR = 1 }, nil, "1 of 1 partition of sub_1", []string{"wrong replicas"}},
		"copies behind, known":  {doctor.Swarms, func(t *doctor.Topic) { t.UnderISR = 1 }, func(n *doctor.Need) { n.Away = true }, "", []string{"note replicas"}},
		"one copy":              {doctor.Counts, func(t *doctor.Topic) { t.Replication, t.Config["min.insync.replicas"] = 1, "1" }, nil, "1 partition, 1 copy on 3 brokers", []string{"wrong emoji-aggregated replication"}},
		"one copy, one broker":  {doctor.Counts, func(t *doctor.Topic) { t.Replication, t.Config["min.insync.replicas"] = 1, "1" }, func(n *doctor.Need) { n.Brokers = 1 }, "", nil},
		"two copies, two":       {doctor.Counts, func(t *doctor.Topic) { t.Replication, t.Config["min.insync.replicas"] = 2, "1" }, func(n *doctor.Need) { n.Brokers = 2 }, "", nil},
		"all must be in sync":   {doctor.Partials, set("min.insync.replicas", "3"), nil, "3 of 3 copies must be in sync", []string{"wrong emoji-partials min.insync.replicas"}},
		"more than there are":   {doctor.Counts, func(t *doctor.Topic) { t.Replication = 1 }, func(n *doctor.Need) { n.Brokers = 1 }, "2 of 1 copies", []string{"wrong emoji-aggregated min.insync.replicas"}},
		"one is enough":         {doctor.Partials, set("min.insync.replicas", "1"), nil, "1 of 3 copies is enough", []string{"wrong emoji-partials min.insync.replicas"}},
		"one is enough, swarms": {doctor.Swarms, set("min.insync.replicas", "1"), nil, "", nil},
		"unclean":               {doctor.Reactions, set("unclean.leader.election.enable", "true"), nil, "acknowledged ones are lost", []string{"wrong emoji-topic unclean.leader.election.enable"}},
		"unclean swarms":        {doctor.Swarms, set("unclean.leader.election.enable", "true"), nil, "", nil},
		"reactions compacted":   {doctor.Reactions, set("cleanup.policy", "compact"), nil, "reactions have no key", []string{"wrong emoji-topic cleanup.policy"}},
		"swarms compacted":      {doctor.Swarms, set("cleanup.policy", "compact,delete"), nil, "compact,delete", []string{"wrong sub_1 cleanup.policy"}},
		"heartbeats deleted":    {doctor.Heartbeats, set("cleanup.policy", "delete"), nil, "--add-config cleanup.policy=compact", []string{"wrong emostream-servers cleanup.policy"}},
		"both for heartbeats":   {doctor.Heartbeats, set("cleanup.policy", "compact,delete"), nil, "", nil},
		"the brokers' time":     {doctor.Reactions, set("message.timestamp.type", "LogAppendTime"), nil, "--add-config message.timestamp.type=CreateTime", []string{"wrong emoji-topic message.timestamp.type"}},
		"heartbeats' own time":  {doctor.Heartbeats, set("message.timestamp.type", "CreateTime"), nil, "nobody can tell how old a heartbeat is", []string{"wrong emostream-servers message.timestamp.type"}},
		"a clock's own time":    {doctor.Times, set("message.timestamp.type", "CreateTime"), nil, "nobody can tell whether a clock is wrong", []string{"wrong emostream-clock message.timestamp.type"}},
		"controls deleted":      {doctor.Controls, set("cleanup.policy", "delete"), nil, "is forgotten when it is old", []string{"wrong emostream-controls cleanup.policy"}},
		"both for controls":     {doctor.Controls, set("cleanup.policy", "compact,delete"), nil, "--add-config cleanup.policy=compact", []string{"wrong emostream-controls cleanup.policy"}},
		"times kept a little":   {doctor.Times, set("retention.ms", "1"), nil, "", nil},
		"swarms' time":          {doctor.Swarms, set("message.timestamp.type", "LogAppendTime"), nil, "", nil},
		"ahead: half":           {doctor.Reactions, set(after, "5000"), nil, "", nil},
		"ahead: more than half": {doctor.Reactions, set(after, "5001"), nil, "5.001s, more than 5s, half of the lateness of 10s", []string{"wrong emoji-topic " + after}},
		"ahead: anything":       {doctor.Reactions, set(after, "9223372036854775807"), nil, "no limit, more than 5s", []string{"wrong emoji-topic " + after}},
		"ahead: as a clock may": {doctor.Reactions, set(after, "2000"), nil, "", nil},
		"ahead: less than that": {doctor.Reactions, set(after, "1999"), nil, "1.999s, less than the 2s that a clock may be off", []string{"wrong emoji-topic " + after}},
		"ahead: not set":        {doctor.Reactions, unset(after), nil, "it is not set", []string{"wrong emoji-topic " + after}},
		"ahead: little lateness": {
			doctor.Reactions, set(after, "1000"), func(n *doctor.Need) { n.Lateness = 2 * time.Second }, "", nil,
		},
		"ahead: of counts":      {doctor.Counts, set(after, "1"), nil, "", nil},
		"behind: enough":        {doctor.Reactions, set(before, "12000"), nil, "", nil},
		"behind: too little":    {doctor.Reactions, set(before, "11999"), nil, "11.999s, less than window and lateness, 12s", []string{"wrong emoji-topic " + before}},
		"kept for ever":         {doctor.Reactions, set("retention.ms", "-1"), nil, "", nil},
		"kept too short":        {doctor.Partials, set("retention.ms", "11999"), nil, "11.999s, less than window and lateness, 12s", []string{"wrong emoji-partials retention.ms"}},
		"kept for a little":     {doctor.Reactions, set("retention.ms", "12000"), nil, "emostream topics retain emoji-topic=24h", []string{"note emoji-topic retention.ms"}},
		"kept for an hour":      {doctor.Reactions, set("retention.ms", "3600000"), nil, "", nil},
		"swarms kept a little":  {doctor.Swarms, set("retention.ms", "299999"), nil, "4m59.999s", []string{"note sub_1 retention.ms"}},
		"swarms kept 5 minutes": {doctor.Swarms, set("retention.ms", "300000"), nil, "", nil},
		"heartbeats' retention": {doctor.Heartbeats, set("retention.ms", "1"), nil, "", nil},
		"few bytes":             {doctor.Reactions, set("retention.bytes", "1000000"), nil, "about 10000 reactions", []string{"note emoji-topic retention.bytes"}},
		"few bytes, embedded":   {doctor.Reactions, set("retention.bytes", "1000000"), func(n *doctor.Need) { n.Embedded = true }, "", nil},
		"small batches":         {doctor.Counts, set("max.message.bytes", "921599"), nil, "921599, and a batch may have 921600", []string{"wrong emoji-aggregated max.message.bytes"}},
		"batches as large":      {doctor.Counts, set("max.message.bytes", "921600"), nil, "", nil},
		"two faults in one":     {doctor.Reactions, func(t *doctor.Topic) { t.Config["max.message.bytes"], t.Config["retention.ms"] = "1", "1" }, nil, "", []string{"wrong emoji-topic max.message.bytes", "wrong emoji-topic retention.ms"}},
		"another lateness":      {doctor.Reactions, set(after, "10000"), func(n *doctor.Need) { n.Lateness = 20 * time.Second }, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			need := doctor.Need{Brokers: 3, Window: 2 * time.Second, Lateness: 10 * time.Second, MaxSkew: 2 * time.Second}
			if tt.need != nil {
				tt.need(&need)
			}
			topic := healthy(need.Lateness)[tt.role]
			tt.change(&topic)
			check(t, doctor.Topics([]doctor.Topic{topic}, need), tt.says, tt.want...)
		})
	}
}

// A broker that is away gives one finding, however many topics it holds.
func TestTopicsTellOfReplicasOnce(t *testing.T) {
	var all []doctor.Topic
	for _, topic := range healthy(10 * time.Second) {
		topic.UnderISR = 1
		all = append(all, topic)
	}
	check(t, doctor.Topics(all, doctor.Need{Brokers: 3, Window: time.Second, Lateness: 10 * time.Second, MaxSkew: time.Second}),
		"and of 4 more topics", "wrong replicas")
}
