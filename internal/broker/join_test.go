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

// line is a connection to a broker that is spoken to request by request.
type line struct {
	t *testing.T
	net.Conn
}

func dial(t *testing.T, b *broker.Broker) line {
	t.Helper()
	c, err := net.Dial("tcp", b.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return line{t, c}
}

// send sends a request and does not wait for the answer.
func (w line) send(req kmsg.Request) {
	w.t.Helper()
	if _, err := w.Write(kmsg.NewRequestFormatter().AppendRequest(nil, req, 1)); err != nil {
		w.t.Fatal(err)
	}
}

// ask sends a request and returns its answer.
func (w line) ask(req kmsg.Request) kmsg.Response {
	w.t.Helper()
	w.send(req)
	var size [4]byte
	if _, err := io.ReadFull(w, size[:]); err != nil {
		w.t.Fatal(err)
	}
	frame := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(w, frame); err != nil {
		w.t.Fatal(err)
	}
	res := req.ResponseKind()
	res.SetVersion(req.GetVersion())
	if err := res.ReadFrom(frame[4:]); err != nil {
		w.t.Fatal(err)
	}
	return res
}

// group is the name of the tests' group; its sessions are the shortest allowed.
const group = "counting"

func join(member string) *kmsg.JoinGroupRequest {
	req := kmsg.NewPtrJoinGroupRequest()
	req.Version, req.Group, req.MemberID, req.ProtocolType = 2, group, member, "consumer"
	req.SessionTimeoutMillis, req.RebalanceTimeoutMillis = 6000, 6000
	req.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range"}}
	return req
}

// takePart takes part in a generation; whoever leads it gives nobody anything.
func takePart(member string, generation int32) *kmsg.SyncGroupRequest {
	req := kmsg.NewPtrSyncGroupRequest()
	req.Version, req.Group, req.MemberID, req.Generation = 1, group, member, generation
	return req
}

// beats sends heartbeats, as a member that lives does, until the group is
// rebalanced, and says whether that has come in time.
func (w line) beats(ctx context.Context, member string, generation int32) bool {
	w.t.Helper()
	req := kmsg.NewPtrHeartbeatRequest()
	req.Version, req.Group, req.MemberID, req.Generation = 1, group, member, generation
	t := time.NewTicker(50 * time.Millisecond)
	defer t.Stop()
	for {
		res, _ := w.ask(req).(*kmsg.HeartbeatResponse)
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

// A member whose process is killed while it waits to join is given its share all
// the same. It must lose it when its session ends, or nobody ever works on that.
func TestAMemberThatDiesWhileItJoinsIsMissed(t *testing.T) {
	for i := range 3 { // without care it is not missed every second time
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel() // it takes the time of a session
			missed(t)
		})
	}
}

func missed(t *testing.T) {
	t.Helper()
	b, err := broker.Open(broker.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	lives, dies := dial(t, b), dial(t, b)
	joined, _ := lives.ask(join("")).(*kmsg.JoinGroupResponse)
	member := joined.MemberID
	lives.ask(takePart(member, joined.Generation))

	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	dies.send(join(""))
	if !lives.beats(ctx, member, joined.Generation) {
		t.Fatal("the group is not rebalanced for the one that joins")
	}
	if err := dies.Close(); err != nil {
		t.Fatal(err)
	}
	<-time.After(100 * time.Millisecond) // the broker has noticed
	joined, _ = lives.ask(join(member)).(*kmsg.JoinGroupResponse)
	if len(joined.Members) != 2 {
		t.Fatalf("%d members have joined, want the dead one too", len(joined.Members))
	}
	lives.ask(takePart(member, joined.Generation))
	if !lives.beats(ctx, member, joined.Generation) {
		t.Error("the dead member is never missed")
	}
}
