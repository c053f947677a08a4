package access

import (
	"crypto/sha256"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of what is remembered, for each of the shards.
const (
	shards        = 16
	maxGeneration = 1 << 20 // bytes: 32 MiB in all, for 100,000 tokens and more
)

// remembered are the tokens that were verified, so that a token is verified once and not
// with each request. A token is known by its hash, so that none stands in memory longer
// than its request. It ends when it runs out or when its key is removed.
//
// Memory is bounded: when a generation is full, the one before it is forgotten, and tokens
// of that which are in use come back when they are verified again.
type remembered struct {
	shards [shards]shard
}

type shard struct {
	mu            sync.Mutex
	size          int // about how many bytes young takes
	young, before map[[sha256.Size]byte]verified
}

// verified is a token that was verified, and with what.
type verified struct {
	caller *Caller
	key    *ringKey
}

// ringKey stands for one key of a keyring, as long as it is there.
type ringKey struct{ removed atomic.Bool }

func newRemembered() *remembered {
	m := &remembered{}
	for i := range m.shards {
		m.shards[i].young = map[[sha256.Size]byte]verified{}
	}
	return m
}

// get returns who holds a token, or nil if the token must be verified.
func (m *remembered) get(hash [sha256.Size]byte, now time.Time) *Caller {
	s := &m.shards[hash[0]%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	v, young := s.young[hash]
	if !young {
		var known bool
		if v, known = s.before[hash]; !known {
			return nil
		}
	}
	if v.key.removed.Load() || !now.Before(v.caller.Expires) {
		delete(s.young, hash)
		delete(s.before, hash)
		return nil
	}
	if !young {
		s.add(hash, v)
	}
	return v.caller
}

func (m *remembered) put(hash [sha256.Size]byte, caller *Caller, key *ringKey) {
	s := &m.shards[hash[0]%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(hash, verified{caller, key})
}

func (s *shard) add(hash [sha256.Size]byte, v verified) {
	size := v.bytes()
	if s.size+size > maxGeneration {
		s.before, s.young, s.size = s.young, map[[sha256.Size]byte]verified{}, 0
	}
	s.young[hash] = v
	s.size += size
}

// bytes returns about how many bytes a token takes.
func (v verified) bytes() int {
	n := 256 + len(v.caller.Subject)
	for _, scope := range v.caller.scopes {
		n += 16 + len(scope)
	}
	return n
}
