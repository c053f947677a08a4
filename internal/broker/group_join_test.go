package broker_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/emostream/emostream/internal/broker"
)

// rawConnection is a connection to a broker on which a test sends single requests.
type rawConnection struct {
	t *testing.T
	net.Conn
}

func dial(t *testing.T, b *broker.Broker) rawConnection {
	t.Helper()
	return dialTo(t, b.Addr())
}

func dialTo(t *testing.T, addr string) rawConnection {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(testTimeout)); err != nil {
		t.Fatal(err)
	}
	return rawConnection{t, c}
}

// send sends a request and does not wait for the answer.
func (c rawConnection) send(req kmsg.Request) {
	c.t.Helper()
	if _, err := c.Write(kmsg.NewRequestFormatter().AppendRequest(nil, req, 1)); err != nil {
		c.t.Fatal(err)
	}
}

// ask sends a request and returns its answer.
func (c rawConnection) ask(req kmsg.Request) kmsg.Response {
	c.t.Helper()
	c.send(req)
	var size [4]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		c.t.Fatal(err)
	}
	frame := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(c, frame); err != nil {
		c.t.Fatal(err)
	}
	res := req.ResponseKind()
	res.SetVersion(req.GetVersion())
	if err := res.ReadFrom(frame[4:]); err != nil {
		c.t.Fatal(err)
	}
	return res
}

// group is the name of the tests' group. Its sessions are the shortest that the broker
// allows.
const group = "counting"

func joinGroup(member string) *kmsg.JoinGroupRequest {
	req := kmsg.NewPtrJoinGroupRequest()
	req.Version, req.Group, req.MemberID, req.ProtocolType = 2, group, member, "consumer"
	req.SessionTimeoutMillis, req.RebalanceTimeoutMillis = 6000, 6000
	req.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range"}}
	return req
}

// syncGroup returns a request to take part in a generation. If the member leads the
// group, the request assigns no partition to anybody.
func syncGroup(member string, generation int32) *kmsg.SyncGroupRequest {
	req := kmsg.NewPtrSyncGroupRequest()
	req.Version, req.Group, req.MemberID, req.Generation = 1, group, member, generation
	return req
}

// beatUntilRebalance sends heartbeats until the group is rebalanced or ctx ends. It
// returns whether the group was rebalanced.
func (c rawConnection) beatUntilRebalance(ctx context.Context, member string, generation int32) bool {
	c.t.Helper()
	req := kmsg.NewPtrHeartbeatRequest()
	req.Version, req.Group, req.MemberID, req.Generation = 1, group, member, generation
	t := time.NewTicker(50 * time.Millisecond)
	defer t.Stop()
	for {
		res, _ := c.ask(req).(*kmsg.HeartbeatResponse)
		if err := kerr.ErrorForCode(res.ErrorCode); err != nil {
			return errors.Is(err, kerr.RebalanceInProgress)
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return false
		}
	}
}

// A member may be killed while it waits to join. The broker makes it a member all the
// same. Its session must end: otherwise nobody ever works on the partitions that it was
// assigned.
func TestAMemberThatDiesWhileItJoinsIsNoticed(t *testing.T) {
	t.Parallel()
	for i := range 3 { // without joinListener it goes unnoticed every second time
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel() // it takes the time of a session
			testDeadMemberIsNoticed(t)
		})
	}
}

func testDeadMemberIsNoticed(t *testing.T) {
	t.Helper()
	b, err := broker.Open(broker.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	lives, dies := dial(t, b), dial(t, b)
	joined, _ := lives.ask(joinGroup("")).(*kmsg.JoinGroupResponse)
	member := joined.MemberID
	lives.ask(syncGroup(member, joined.Generation))

	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	dies.send(joinGroup(""))
	if !lives.beatUntilRebalance(ctx, member, joined.Generation) {
		t.Fatal("the group is not rebalanced for the one that joins")
	}
	if err := dies.Close(); err != nil {
		t.Fatal(err)
	}
	<-time.After(100 * time.Millisecond) // the broker has noticed
	joined, _ = lives.ask(joinGroup(member)).(*kmsg.JoinGroupResponse)
	if len(joined.Members) != 2 {
		t.Fatalf("%d members have joined, want the dead one too", len(joined.Members))
	}
	lives.ask(syncGroup(member, joined.Generation))
	if !lives.beatUntilRebalance(ctx, member, joined.Generation) {
		t.Error("the dead member is never missed")
	}
}
