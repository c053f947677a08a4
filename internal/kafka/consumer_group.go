package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/emostream/emostream/internal/stream"
)

// Times of consumer groups. If a member dies, the group notices it after the session
// timeout, which is the shortest that brokers allow. If a member leaves, the others
// notice it within a heartbeat interval.
const (
	sessionTimeout    = 6 * time.Second
	heartbeatInterval = 500 * time.Millisecond
	joinDelay         = 200 * time.Millisecond // between two attempts to join
	leaveTimeout      = 2 * time.Second        // for member.leave; before it, kafka-go itself tries to leave (up to 10 s if the brokers hang)
)

// watchInterval is how often a topic is looked at that is in use, and the state of a group
// that gives this process no partition.
const watchInterval = 2 * time.Second

// Consume joins a consumer group. For each partition of the topic that this process
// claims, it calls work in a goroutine of its own. When ctx ends, it leaves the group
// and returns nil. It returns an error when work fails, or when the topic gets another
// number of partitions.
//
// others names the other topics that work depends on. When one of them, or the topic
// itself, is deleted and made anew, Consume does what a restart of the process would do:
// it ends all claims, waits until all of the topics exist, joins the group again, and
// calls work for new claims. So it does when the log is shorter than what was read of
// it. A commit that was made in a topic that is gone counts as none.
//
// The context of work ends when the claim ends. If work returns because of that, or
// with an error that wraps stream.ErrFenced, it is called again when this process
// claims the partition again. Any other return of work ends Consume with the error that
// work returned.
func (c *Client) Consume(ctx context.Context, group, topic string, work func(context.Context, stream.Claim) error, others ...string) error {
	var began map[string]identity
	for {
		topics, err := c.waitIdentities(ctx, append([]string{topic}, others...))
		if err != nil {
			return ignoreEnd(ctx, err)
		}
		if began == nil {
			began = topics
		}
		for name, now := range topics {
			if now.partitions != began[name].partitions && (name == topic || now.id != began[name].id) {
				return partitionsError(name, began[name].partitions, now.partitions)
			}
		}
		err = c.consume(ctx, group, topic, topics, work)
		lost, isLost := errors.AsType[*stream.OutOfRangeError](err)
		switch {
		case errors.Is(err, errPassedOver):
			c.cfg.Logger.Info("joining the group again, which has given this process nothing", "group", group, "topic", topic)
		case is[*anewError](err), isLost && lost.Replaced():
			c.cfg.Logger.Warn("a topic was made anew, or has lost its end: going on as after a restart", "group", group, "error", err)
			if err := pause(ctx, joinDelay); err != nil {
				return ignoreEnd(ctx, err)
			}
		default:
			return err
		}
	}
}

// waitIdentities waits until topics exist, and returns what they are.
func (c *Client) waitIdentities(ctx context.Context, topics []string) (map[string]identity, error) {
	out := map[string]identity{}
	for _, name := range topics {
		now, err := c.waitIdentity(ctx, name)
		if err != nil {
			return nil, err
		}
		out[name] = now
	}
	return out, nil
}

// partitionsError says that the number of partitions of a topic has changed. Counts made
// with the old number would be wrong from then on.
func partitionsError(topic string, then, now int) error {
	return fmt.Errorf("%s had %d partitions when this process began and has %d now: stop what writes to it, "+
		"let what reads it finish, and start everything again", topic, then, now)
}

// errPassedOver ends a membership to which the group assigned no partition, although
// there are enough for all members. That happens when the topic did not exist at the
// moment of the assignment. Joining again causes a new assignment.
var errPassedOver = errors.New("no partition was assigned")

// consume does the work of Consume for one membership in the group.
func (c *Client) consume(ctx context.Context, group, topic string, topics map[string]identity, work func(context.Context, stream.Claim) error) error {
	g, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID:                group,
		Brokers:           c.cfg.Brokers,
		Dialer:            c.groupDialer(),
		Topics:            []string{topic},
		SessionTimeout:    sessionTimeout,
		RebalanceTimeout:  sessionTimeout,
		HeartbeatInterval: heartbeatInterval,
		JoinGroupBackoff:  joinDelay,
	})
	if err != nil {
		return fmt.Errorf("join group %s: %w", group, err)
	}
	m := &member{client: c, group: group, topic: topic, was: topics[topic], topics: topics, work: work}
	ctx, m.stop = context.WithCancelCause(ctx)
	defer m.stop(nil)
	defer m.running.Wait()
	defer func() {
		_ = g.Close() // leaves the group and ends the generation's contexts; never fails
		m.leave(ctx)
	}()
	watchCtx, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	m.running.Go(func() { m.watch(watchCtx) })
	for {
		var gen *kafka.Generation
		err := c.retry(ctx, func(ctx context.Context) (err error) {
			gen, err = g.Next(ctx)
			return c.transport.connector.advise(adviseACL(err, "Read", "group "+group))
		})
		if cause := context.Cause(ctx); cause != nil {
			return ignoreEnd(ctx, cause)
		}
		if err != nil {
			return fmt.Errorf("join group %s: %w", group, err)
		}
		m.memberID = gen.MemberID
		m.start(ctx, gen)
	}
}

// groupDialer makes the connections of a consumer group.
func (c *Client) groupDialer() *kafka.Dialer {
	return &kafka.Dialer{ClientID: c.cfg.ClientID, Timeout: dialTimeout, DialFunc: c.transport.connector.dial, SASLMechanism: c.transport.SASL}
}

// ignoreEnd returns nil if err only says that ctx was cancelled, else err.
func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// member is this process in a consumer group.
type member struct {
	client   *Client
	group    string
	topic    string
	was      identity            // of the topic, when the membership began
	topics   map[string]identity // likewise of the topic, and of the others that work depends on
	work     func(context.Context, stream.Claim) error
	stop     context.CancelCauseFunc
	running  sync.WaitGroup
	memberID string      // in the latest generation; empty before the first
	idle     atomic.Bool // whether the latest generation assigned no partition to it
}

// topicIDs returns the ids of the topics that the work depends on.
func (m *member) topicIDs() map[string]string {
	ids := map[string]string{}
	for name, is := range m.topics {
		if is.id != (topicID{}) {
			ids[name] = is.id.String()
		}
	}
	return ids
}

// watch ends the membership when the topic's number of partitions changes, when a topic
// was made anew, and when the group passes it over (errPassedOver).
func (m *member) watch(ctx context.Context) {
	for passed := 0; pause(ctx, watchInterval) == nil; {
		if err := m.changed(ctx); err != nil {
			m.stop(err)
			return
		}
		if !m.passedOver(ctx) {
			passed = 0
		} else if passed++; passed == 2 { // once can happen when a member has just come or gone
			m.stop(errPassedOver)
			return
		}
	}
}

// changed returns an error if a topic is not what it was when the membership began. A
// topic that does not exist may come back.
func (m *member) changed(ctx context.Context) error {
	for name, then := range m.topics {
		now, err := m.client.identify(ctx, name)
		switch {
		case err != nil:
		case name == m.topic && now.partitions != then.partitions:
			return partitionsError(name, then.partitions, now.partitions)
		case now.id != then.id:
			return &anewError{name, now}
		}
	}
	return nil
}

// passedOver returns whether this process holds no partition although there are enough
// for all members.
func (m *member) passedOver(ctx context.Context) bool {
	if !m.idle.Load() {
		return false
	}
	g, err := m.client.Group(ctx, m.group)
	return err == nil && g.State == "Stable" && g.Members <= m.was.partitions && m.idle.Load()
}

// leave takes the member out of the group. kafka-go does not do that if its
// ConsumerGroup is closed in the middle of a rebalance. Without it the others would
// wait for the member until its session ends.
func (m *member) leave(ctx context.Context) {
	if m.memberID == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	defer cancel()
	res, err := m.client.api.LeaveGroup(ctx, &kafka.LeaveGroupRequest{
		GroupID: m.group, Members: []kafka.LeaveGroupRequestMember{{ID: m.memberID}},
	})
	if err == nil {
		err = res.Error
		for _, r := range res.Members {
			err = errors.Join(err, r.Error)
		}
	}
	if err != nil && !errors.Is(err, kafka.UnknownMemberId) { // unknown: it has left already
		m.client.cfg.Logger.Debug("the group was not told that a member has left", "group", m.group, "error", err)
	}
}

// start works on the partitions that a generation of the group assigns to this member,
// until the generation ends. The functions that are handed to gen.Start must not return
// earlier. If one did, kafka-go would end the whole generation and join the group
// again, even while this member is about to leave it.
func (m *member) start(ctx context.Context, gen *kafka.Generation) {
	assigned := gen.Assignments[m.topic]
	ids := make([]int, len(assigned))
	for i, p := range assigned {
		ids[i] = p.ID
	}
	m.idle.Store(len(ids) == 0)
	m.client.cfg.Logger.Info("claimed partitions", "group", m.group, "topic", m.topic, "partitions", ids, "generation", gen.ID)
	for _, id := range ids {
		m.running.Add(1)
		gen.Start(func(claimed context.Context) {
			defer m.running.Done()
			defer func() { <-claimed.Done() }()
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			defer context.AfterFunc(claimed, cancel)()
			err := m.claim(ctx, gen, id)
			switch {
			case ctx.Err() != nil:
			case errors.Is(err, stream.ErrFenced):
				m.client.cfg.Logger.Info("claim lost", "group", m.group, "topic", m.topic, "partition", id)
			default:
				m.stop(err)
			}
		})
	}
}

// claim fetches the commit of the partition's last holder and calls work.
func (m *member) claim(ctx context.Context, gen *kafka.Generation, partition int) error {
	committed, of, err := m.client.committed(ctx, m.group, m.topic, partition)
	if err != nil {
		return err
	}
	if of != (topicID{}) && of != m.was.id {
		m.client.cfg.Logger.Info("the commit was made in a topic of the same name that is gone: it counts as none",
			"group", m.group, "topic", m.topic, "partition", partition, "committed", committed.Offset)
		committed = stream.Commit{Offset: stream.None}
	}
	start, end, err := m.client.Offsets(ctx, m.topic, partition)
	if err != nil {
		return err
	}
	now, err := m.client.waitIdentity(ctx, m.topic)
	if err != nil {
		return err
	}
	if now.id != m.was.id { // the offsets may be of the new log, and the commit of the old one
		return &anewError{m.topic, now}
	}
	return m.work(ctx, stream.Claim{
		Topic:      m.topic,
		Partition:  partition,
		Partitions: m.was.partitions,
		Committed:  committed,
		Start:      start,
		End:        end,
		Log:        m.client.readerOf(m.was.id, m.topic, partition),
		Offsets:    committer{m, gen, partition},
		TopicIDs:   m.topicIDs(),
	})
}
