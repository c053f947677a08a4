package doctor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/kafka"
)

// Role is what a topic is for.
type Role string

// The roles. What the first three lose is never counted, so the promise depends on
// them.
const (
	Reactions  Role = "reactions"
	Partials   Role = "partials"
	Counts     Role = "counts"
	Heartbeats Role = "heartbeats"
	Times      Role = "times"
	Controls   Role = "controls"
	Swarms     Role = "swarms"
)

// Topic is a topic as it was found, and as the stages would create it.
type Topic struct {
	kafka.TopicState
	Role Role
	Want kafka.Topic
}

// Need says what the topics must suit.
type Need struct {
	Brokers  int
	Embedded bool
	// Away says that a broker is known not to answer, which explains missing copies.
	Away bool
	// Window and Lateness are the settings of aggregate.
	Window, Lateness time.Duration
	// MaxSkew is by how much the clock of a main server may differ from the brokers'.
	MaxSkew time.Duration
}

// Topics says whether the topics are such that the promise holds.
func Topics(topics []Topic, need Need) []Finding {
	l := findings{area: areaTopics}
	var missing, secret []string
	swarms := 0
	for _, t := range topics {
		if !t.Exists {
			missing = append(missing, t.Name)
			continue
		}
		before := len(l.all)
		l.topic(t, need)
		switch {
		case len(t.Config) == 0:
			secret = append(secret, t.Name)
		case len(l.all) > before || t.Leaderless > 0 || t.UnderISR > 0:
		case t.Role == Swarms:
			swarms++
		default:
			l.ok(t.Name, "%s", sizes(t))
		}
	}
	if swarms > 0 {
		l.ok("cluster_N, sub_N", "%s of swarms", many(swarms, "topic"))
	}
	l.replicas(topics, need.Away)
	if len(secret) > 0 {
		l.note("settings", "not shown to this user: "+strings.Join(secret, ", "), "they cannot be held against what the promise needs",
			"allow it DescribeConfigs on them")
	}
	if len(missing) > 0 {
		l.note("missing", strings.Join(missing, ", ")+": not there yet", "each stage makes those it needs where the brokers let it",
			"nothing, or emostream topics create")
	}
	return l.all
}

// replicas reports partitions that lack a leader or copies. known says that a broker is
// known not to answer; then these are notes.
func (l *findings) replicas(topics []Topic, known bool) {
	const do = "kafka-topics.sh --bootstrap-server BROKER --describe tells which brokers hold them: start those"
	tell := l.wrong
	if known {
		tell = l.note
	}
	if some := those(topics, func(t Topic) int { return t.Leaderless }); some != "" {
		tell("leaders", "no leader: "+some, "they can be neither written nor read", do)
		return
	}
	if some := those(topics, func(t Topic) int { return t.UnderISR }); some != "" {
		tell("replicas", "fewer copies in sync than there should be: "+some, "another failure may stop them, or lose what was acknowledged", do)
	}
}

// those lists the topics for which count is not zero, each with the number of
// partitions that it returned; "" if there are none.
func those(topics []Topic, count func(Topic) int) string {
	const most = 3
	var said []string
	for _, t := range topics {
		if n := count(t); n > 0 {
			said = append(said, fmt.Sprintf("%d of %s of %s", n, many(t.Partitions, "partition"), t.Name))
		}
	}
	if more := len(said) - most; more > 0 {
		said = append(said[:most], "and of "+many(more, "more topic"))
	}
	return strings.Join(said, ", ")
}

func sizes(t Topic) string {
	copies := "1 copy"
	if t.Replication != 1 {
		copies = fmt.Sprintf("%d copies", t.Replication)
	}
	return many(t.Partitions, "partition") + ", " + copies
}

// topic compares a topic with all that it must be. If Kafka does not show its settings,
// it compares the number of copies only.
func (l *findings) topic(t Topic, need Need) {
	l.copies(t, need)
	if len(t.Config) == 0 {
		return
	}
	l.policy(t)
	l.stamps(t, need)
	l.retention(t, need)
	l.batches(t)
}

// setting returns the value of a topic's setting. ok says whether it is a whole number.
func (t Topic) setting(name string) (n int64, ok bool) {
	n, err := strconv.ParseInt(t.Config[name], 10, 64)
	return n, err == nil
}

// promise says whether reactions are lost when the topic loses records.
func (t Topic) promise() bool { return t.Role == Reactions || t.Role == Partials || t.Role == Counts }

// alter returns the command that changes a setting of the topic.
func (t Topic) alter(setting, value string) string {
	return fmt.Sprintf("kafka-configs.sh --bootstrap-server BROKER --alter --entity-type topics --entity-name %s --add-config %s=%s", t.Name, setting, value)
}

func (l *findings) copies(t Topic, need Need) {
	if most := min(3, need.Brokers); t.Replication < most {
		l.wrong(t.Name+" replication", fmt.Sprintf("%s on %d brokers", sizes(t), need.Brokers),
			"what is in it is gone with one broker's disk",
			fmt.Sprintf("kafka-reassign-partitions.sh gives it %d, or make it anew with emostream topics create", most))
	}
	in, ok := t.setting("min.insync.replicas")
	switch {
	case !ok:
	case t.Replication > 1 && in >= int64(t.Replication), in > int64(t.Replication):
		l.wrong(t.Name+" min.insync.replicas", fmt.Sprintf("%d of %d copies must be in sync", in, t.Replication),
			"one broker that is away stops all writing", t.alter("min.insync.replicas", strconv.Itoa(max(1, t.Replication-1))))
	case t.Replication > 2 && in < 2 && t.promise():
		l.wrong(t.Name+" min.insync.replicas", fmt.Sprintf("%d of %d copies is enough to acknowledge", in, t.Replication),
			"what was acknowledged can be lost with one broker", t.alter("min.insync.replicas", strconv.Itoa(t.Replication-1)))
	}
	if t.Config["unclean.leader.election.enable"] == "true" && t.promise() {
		l.wrong(t.Name+" unclean.leader.election.enable", "true", "a broker that missed records may become the leader: acknowledged ones are lost",
			t.alter("unclean.leader.election.enable", "false"))
	}
}

// wanted returns the value that the stages give a setting, or otherwise if they give it
// none.
func (t Topic) wanted(setting, otherwise string) string {
	if v, ok := t.Want.Config[setting]; ok {
		return v
	}
	return otherwise
}

func (l *findings) policy(t Topic) {
	const setting = "cleanup.policy"
	have, want := t.Config[setting], t.wanted(setting, "delete")
	compacts := slices.Contains(strings.Split(have, ","), "compact")
	switch {
	case want == "delete" && compacts && t.Role == Reactions:
		l.wrong(t.Name+" "+setting, have, "reactions have no key: Kafka refuses them, or throws all but one away", t.alter(setting, want))
	case want == "delete" && compacts:
		l.wrong(t.Name+" "+setting, have, "all but the last record of a key are thrown away", t.alter(setting, want))
	case t.Role == Controls && have != want:
		l.wrong(t.Name+" "+setting, have, "what emostream control has set is forgotten when it is old", t.alter(setting, want))
	case want == "compact" && !compacts:
		l.wrong(t.Name+" "+setting, have, "heartbeats pile up, one a second for each server", t.alter(setting, want))
	}
}

func (l *findings) stamps(t Topic, need Need) {
	const kind, after, before = "message.timestamp.type", "message.timestamp.after.max.ms", "message.timestamp.before.max.ms"
	if want, have := t.wanted(kind, ""), t.Config[kind]; want != "" && have != want {
		why := "the brokers' time decides the window, not when the main server took a reaction in"
		switch t.Role {
		case Heartbeats:
			why = "nobody can tell how old a heartbeat is"
		case Times:
			why = "nobody can tell whether a clock is wrong"
		}
		l.wrong(t.Name+" "+kind, have, why, t.alter(kind, want))
	}
	if t.Role != Reactions {
		return
	}
	most, ok := t.setting(after)
	text := t.wanted(after, "")
	want, _ := strconv.ParseInt(text, 10, 64) // the stages write this number, so there is no error
	switch least := min(need.MaxSkew.Milliseconds(), want); {
	case !ok:
		l.wrong(t.Name+" "+after, "it is not set", "a main server whose clock is ahead would close everybody's windows", t.alter(after, text))
	case most > want:
		l.wrong(t.Name+" "+after, fmt.Sprintf("%s, more than %s, half of the lateness of %v", millis(most), millis(want), need.Lateness),
			"a main server whose clock is ahead would close everybody's windows", t.alter(after, text))
	case most < least:
		l.wrong(t.Name+" "+after, fmt.Sprintf("%s, less than the %s that a clock may be off", millis(most), millis(least)),
			"reactions of main servers whose clocks are right enough are refused", t.alter(after, text))
	}
	least := need.Window + need.Lateness
	if most, ok := t.setting(before); ok && most < least.Milliseconds() {
		l.wrong(t.Name+" "+before, fmt.Sprintf("%s, less than window and lateness, %v", millis(most), least),
			"reactions that waited for a broker are refused", t.alter(before, strconv.FormatInt(24*time.Hour.Milliseconds(), 10)))
	}
}

// unlimited is the number of milliseconds above which a setting counts as no limit.
// Greater numbers do not fit a time.Duration, and Kafka's greatest means no limit.
const unlimited = 1 << 62 / int64(time.Millisecond)

// millis returns a number of milliseconds as a duration in text.
func millis(n int64) string {
	if n > unlimited {
		return "no limit"
	}
	return (time.Duration(n) * time.Millisecond).String()
}

// Settings below these get a note.
const (
	shortRetention = time.Hour       // of topics whose records are counted
	shortSwarms    = 5 * time.Minute // of topics from which a starting subscriber server reads what listeners missed
	smallRetention = 64 << 20        // bytes of a partition
)

func (l *findings) retention(t Topic, need Need) {
	if t.Role == Heartbeats || t.Role == Times || t.Role == Controls {
		return
	}
	const setting, bytes = "retention.ms", "retention.bytes"
	retain := "emostream topics retain " + t.Name + "=24h"
	ms, ok := t.setting(setting)
	kept := time.Duration(ms) * time.Millisecond
	least := need.Window + need.Lateness
	switch {
	case !ok || ms < 0 || ms > unlimited:
	case t.promise() && kept < least:
		l.wrong(t.Name+" "+setting, fmt.Sprintf("%v, less than window and lateness, %v", kept, least), "records are gone before they are counted for good", retain)
	case t.promise() && kept < shortRetention:
		l.note(t.Name+" "+setting, kept.String(), "aggregate must never be away for longer: what is gone by then is not counted", retain)
	case t.Role == Swarms && kept < shortSwarms:
		l.note(t.Name+" "+setting, kept.String(), "a subscriber server that starts cannot tell listeners what they missed", "emostream topics retain "+t.Name+"=1h")
	}
	if size, ok := t.setting(bytes); ok && size >= 0 && size < smallRetention && t.promise() && !need.Embedded {
		l.note(t.Name+" "+bytes, fmt.Sprintf("%d bytes a partition", size), "about "+strconv.FormatInt(size/100, 10)+" reactions: a rush may push out what is not counted yet",
			t.alter(bytes, "-1"))
	}
}

func (l *findings) batches(t Topic) {
	const setting = "max.message.bytes"
	if most, ok := t.setting(setting); ok && most < kafka.MaxBatchBytes {
		l.wrong(t.Name+" "+setting, fmt.Sprintf("%d, and a batch may have %d", most, kafka.MaxBatchBytes),
			"under load batches are refused", t.alter(setting, "1048588"))
	}
}
