package httpserve_test

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"testing"

	"github.com/emostream/emostream/internal/httpserve"
)

// A client may hold exactly its share, again and again. What it holds is not taken from
// others, but for the few that happen to have the same slot.
func TestShares(t *testing.T) {
	s := httpserve.NewShares(3)
	greedy := netip.MustParseAddr("203.0.113.7")
	for range 2 {
		for i, want := range []bool{true, true, true, false, false} {
			if got := s.Take(greedy, 1); got != want {
				t.Errorf("taking number %d: %v", i+1, got)
			}
		}
		if n := s.Held(greedy); n != 3 {
			t.Errorf("it holds %d", n)
		}
		refused := 0
		for i := range 1000 {
			other := netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(198<<24+i))))
			if !s.Take(other, 3) {
				refused++
				continue
			}
			s.Give(other, 3)
		}
		if refused > 5 {
			t.Errorf("%d of 1,000 others were refused", refused)
		}
		if s.Take(greedy, 1) {
			t.Error("others gave back what it holds")
		}
		s.Give(greedy, 3)
		if s.Take(greedy, 4) || !s.Take(greedy, 3) {
			t.Error("of three, four could be taken or three could not")
		}
		s.Give(greedy, 3)
	}
}

// All addresses of a /64 are one client, written as IPv4 or IPv4-mapped. Loopback and
// unknown addresses are not bounded.
func TestSharesOfNetworks(t *testing.T) {
	for name, tt := range map[string]struct {
		first, then string
		want        bool // whether the second may take one, too
	}{
		"the same":            {"192.0.2.1", "192.0.2.1", false},
		"the same /64":        {"2001:db8::1", "2001:db8::ffff", false},
		"another /64":         {"2001:db8::1", "2001:db8:0:1::1", true},
		"a neighbour":         {"192.0.2.1", "192.0.2.2", true},
		"loopback":            {"127.0.0.1", "127.0.0.1", true},
		"loopback of IPv6":    {"::1", "::1", true},
		"the rest of the /64": {"::1", "::2", true},
	} {
		t.Run(name, func(t *testing.T) {
			again := 0
			for range 8 { // two clients may have the same slot, but not eight times
				s := httpserve.NewShares(1)
				s.Take(netip.MustParseAddr(tt.first), 1)
				if s.Take(netip.MustParseAddr(tt.then), 1) {
					again++
				}
			}
			if tt.want && again < 7 || !tt.want && again > 0 {
				t.Errorf("it was let in %d times of 8", again)
			}
		})
	}
	s := httpserve.NewShares(1)
	for range 3 {
		if !s.Take(netip.Addr{}, 9) {
			t.Error("an unknown address is bounded")
		}
	}
}

// Takers at the same time get no more than the share together.
func TestSharesUnderContention(t *testing.T) {
	s, client := httpserve.NewShares(10), netip.MustParseAddr("192.0.2.1")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				if s.Take(client, 4) {
					if n := s.Held(client); n > 10+7*4 {
						t.Errorf("%d are held", n)
					}
					s.Give(client, 4)
				}
			}
		})
	}
	all.Wait()
	if n := s.Held(client); n != 0 {
		t.Errorf("in the end %d are held", n)
	}
	for of, want := range map[int64]int64{1: 1, 3: 1, 4: 1, 7: 1, 8: 2, 2048: 512} {
		if got := httpserve.Quarter(of); got != want {
			t.Errorf("Quarter(%d) = %d", of, got)
		}
	}
}
