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

// watchInterval is how often member.watch asks for a topic's partitions, and for the
// state of a group that gives this process none.
const watchInterval = 2 * time.Second

// Consume joins a consumer group. For each partition of the topic that this process
// claims, it calls work in a goroutine of its own. When ctx ends, it leaves the group
// and returns nil. It returns an error when work fails, or when the topic gets another
// number of partitions.
//
// If the topic is gone, as after the restart of a broker that keeps no log, Consume
// waits until the topic is there again, and claims its partitions anew.
//
// The context of work ends when the claim ends. If work returns because of that, or
// with an error that wraps stream.ErrFenced, it is called again when this process
// claims the partition again. Any other return of work ends Consume with the error that
// work returned.
func (c *Client) Consume(ctx context.Context, group, topic string, work func(context.Context, stream.Claim) error) error {
	partitions, err := c.Partitions(ctx, topic)
	if err != nil {
		return ignoreEnd(ctx, err)
	}
	for {
		if err := c.consume(ctx, group, topic, partitions, work); !errors.Is(err, errPassedOver) {
			return err
		}
		c.cfg.Logger.Info("joining the group again, which has given this process nothing", "group", group, "topic", topic)
	}
}

// errPassedOver ends a membership to which the group assigned no partition, although
// there are enough for all members. That happens when the topic did not exist at the
// moment of the assignment. Joining again causes a new assignment.
var errPassedOver = errors.New("no partition was assigned")

// consume does the work of Consume for one membership in the group.
func (c *Client) consume(ctx context.Context, group, topic string, partitions int, work func(context.Context, stream.Claim) error) error {
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
	m := &member{client: c, group: group, topic: topic, partitions: partitions, work: work}
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
		m.id = gen.MemberID
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
	client     *Client
	group      string
	topic      string
	partitions int
	work       func(context.Context, stream.Claim) error
	stop       context.CancelCauseFunc
	running    sync.WaitGroup
	id         string      // the member's, in the latest generation; empty before the first
	idle       atomic.Bool // whether the latest generation assigned no partition to it
}

// watch ends Consume with an error when the topic's number of partitions changes:
// counts made with the old number would be wrong. It also ends a membership that was
// passed over (errPassedOver).
func (m *member) watch(ctx context.Context) {
	for passed := 0; pause(ctx, watchInterval) == nil; {
		n, err := m.client.Partitions(ctx, m.topic)
		switch {
		case err != nil:
			continue
		case n != m.partitions:
			m.stop(fmt.Errorf("%s had %d partitions when this process began and has %d now: stop what writes to it, "+
				"let what reads it finish, and start everything again", m.topic, m.partitions, n))
			return
		case !m.passedOver(ctx):
			passed = 0
			continue
		}
		if passed++; passed == 2 { // once can happen when a member has just come or gone
			m.stop(errPassedOver)
			return
		}
	}
}

// passedOver returns whether this process holds no partition although there are enough
// for all members.
func (m *member) passedOver(ctx context.Context) bool {
	if !m.idle.Load() {
		return false
	}
	g, err := m.client.Group(ctx, m.group)
	return err == nil && g.State == "Stable" && g.Members <= m.partitions && m.idle.Load()
}

// leave takes the member out of the group. kafka-go does not do that if its
// ConsumerGroup is closed in the middle of a rebalance. Without it the others would
// wait for the member until its session ends.
func (m *member) leave(ctx context.Context) {
	if m.id == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	defer cancel()
	res, err := m.client.api.LeaveGroup(ctx, &kafka.LeaveGroupRequest{
		GroupID: m.group, Members: []kafka.LeaveGroupRequestMember{{ID: m.id}},
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
	committed, err := m.client.Committed(ctx, m.group, m.topic, partition)
	if err != nil {
		return err
	}
	start, end, err := m.client.Offsets(ctx, m.topic, partition)
	if err != nil {
		return err
	}
	return m.work(ctx, stream.Claim{
		Topic:      m.topic,
		Partition:  partition,
		Partitions: m.partitions,
		Committed:  committed,
		Start:      start,
		End:        end,
		Log:        m.client.Reader(m.topic, partition),
		Offsets:    committer{m, gen, partition},
	})
}
