package roster_test

import (
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/ticket"
	"github.com/emostream/emostream/internal/wire"
)

func ticketKeys(t *testing.T, secret string) *ticket.Keys {
	t.Helper()
	k, err := ticket.New([]byte(secret + " a key of tickets that exists in tests only"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// signedBeat returns a heartbeat of sub1 that says that it checks tickets and was sent now.
func signedBeat(instance string) wire.ServerStatus {
	s := beat("sub1", instance, wire.StateServing)
	s.Tickets, s.Time = true, time.Now().UTC().Format(wire.TimeFormat)
	return s
}

// While a server that signs its heartbeats is alive, nothing else takes its place: neither
// what is not signed, nor what it signed itself before.
func TestASignedServerIsNotReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r roster.Roster
		is := func(instance string, signed bool) {
			t.Helper()
			if e, _ := r.Get("sub1"); e.Instance != instance || e.Signed != signed || e.ChecksTickets() != signed {
				t.Errorf("sub1 is %s, signed %v, checks tickets %v; want %s, %v", e.Instance, e.Signed, e.ChecksTickets(), instance, signed)
			}
		}
		pass := func(d time.Duration) { <-time.After(d) }

		old := signedBeat("old")
		r.Apply(signedBeat("forged"), time.Now())
		is("forged", false)
		r.ApplySigned(old, time.Now())
		is("old", true)
		if rival, ok := r.Rival("sub1", "old", time.Now()); ok {
			t.Errorf("an unsigned heartbeat is a rival: %+v", rival)
		}
		pass(time.Second)
		if r.Apply(signedBeat("forged"), time.Now()) || r.Apply(signedBeat("old"), time.Now()) {
			t.Error("an unsigned heartbeat was taken")
		}
		is("old", true)
		if r.ApplySigned(old, time.Now()) {
			t.Error("a heartbeat was taken twice")
		}
		pass(roster.Timeout)
		if r.ApplySigned(old, time.Now()) {
			t.Error("a repeated heartbeat brought a server back")
		}
		young := signedBeat("young")
		r.ApplySigned(young, time.Now())
		is("young", true)
		if pass(time.Second); r.ApplySigned(old, time.Now()) {
			t.Error("an old heartbeat of a former instance replaced a server that is alive")
		}
		// A server goes back to a version or to settings without keys: it is let in when the
		// signed one is gone.
		pass(roster.Timeout)
		r.Apply(beat("sub1", "plain", wire.StateServing), time.Now())
		is("plain", false)
	})
}

// Signatures stand in the headers of records. A record with a wrong one is as one without.
func TestFollowChecksSignatures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, other := ticketKeys(t, "k"), ticketKeys(t, "other")
		l := newTopic()
		write := func(value, signature []byte) {
			l.change(func() {
				r := stream.Record{Time: time.Now().UnixMilli(), Key: []byte("sub1"), Value: value}
				if signature != nil {
					r.Headers = []stream.Header{{Key: "x", Value: []byte("y")}, {Key: wire.SignatureHeader, Value: signature}}
				}
				l.records = append(l.records, r)
			})
			synctest.Wait()
		}
		f := &following{}
		f.Keys = k
		f = followWith(t, f, l, 0, 0)
		signed := func(want bool) {
			t.Helper()
			if e, ok := f.Get("sub1"); !ok || e.Signed != want {
				t.Errorf("known %v, signed %v, want %v", ok, e.Signed, want)
			}
		}
		value := signedBeat("a").Encode()
		write(value, nil)
		signed(false)
		write(value, other.Sign(value))
		signed(false)
		write(value, k.Sign([]byte("x")))
		signed(false)
		write(value, k.Sign(value))
		signed(true)
		<-time.After(time.Second)
		next := signedBeat("b").Encode()
		write(next, other.Sign(next))
		if e, _ := f.Get("sub1"); e.Instance != "a" || !strings.Contains(f.log.String(), "it is of sub1, which signs its heartbeats, and has no valid signature") {
			t.Errorf("sub1 is %s, and the log says\n%s", e.Instance, f.log.String())
		}
	})
}

// A server that has a key gives its name up only to one that signs its heartbeats. Without a
// key it does to any.
func TestMadeUpRival(t *testing.T) {
	for name, tt := range map[string]struct {
		keys         *ticket.Keys
		signed, want bool
	}{
		"no keys":             {nil, false, true},
		"keys, not signed":    {ticketKeys(t, "k"), false, false},
		"keys, and it signed": {ticketKeys(t, "k"), true, true},
	} {
		r := roster.Roster{Keys: tt.keys}
		apply := r.Apply
		if tt.signed {
			apply = r.ApplySigned
		}
		apply(signedBeat("other"), time.Now())
		if _, ok := r.Rival("sub1", "own", time.Now()); ok != tt.want {
			t.Errorf("%s: there is a rival: %v", name, ok)
		}
	}
}

// However many servers are made up without a signature, there is room for those that sign
// their heartbeats, and they stay.
func TestMadeUpServersMakeWay(t *testing.T) {
	var r roster.Roster
	now := time.Now()
	flood := func() {
		for i := range roster.MaxServers {
			r.Apply(beat("sub"+strconv.Itoa(1000+i), "forged", wire.StateServing), now)
		}
	}
	flood()
	for i := range 10 {
		s := beat("sub"+strconv.Itoa(1+i), "a", wire.StateServing)
		if !r.ApplySigned(s, now) {
			t.Errorf("there was no room for %s", s.Name)
		}
	}
	flood()
	for i := range 10 {
		if e, ok := r.Get("sub" + strconv.Itoa(1+i)); !ok || !e.Signed {
			t.Errorf("sub%d is gone", 1+i)
		}
	}
	if n := len(r.All()); n != roster.MaxServers {
		t.Errorf("there are %d servers", n)
	}
}

// If all servers sign and are alive, there is no room for one more that does.
func TestRoomForSignedServers(t *testing.T) {
	var r roster.Roster
	now := time.Now()
	for i := range roster.MaxServers + 1 {
		if r.ApplySigned(beat("sub"+strconv.Itoa(1+i), "a", wire.StateServing), now) != (i < roster.MaxServers) {
			t.Fatalf("server %d of %d", i+1, roster.MaxServers)
		}
	}
}
