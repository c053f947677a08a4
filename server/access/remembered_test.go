package access_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/token"
	"github.com/emostream/emostream/server/access"
)

// However many tokens are verified, what is remembered has a bound; a token in use stays,
// and so do the newest.
func TestMemoryIsBounded(t *testing.T) {
	const most = 48 << 20 // 32 MiB by its own count, and what maps take beside that
	for name, scopes := range map[string][]string{"small tokens": nil, "large tokens": manyScopes()} {
		t.Run(name, func(t *testing.T) {
			m, now := access.NewMemory(), time.Now()
			tokens := 150_000
			if scopes != nil {
				tokens = 10_000
			}
			before := heap()
			m.Put("in use", "ann", nil, now.Add(time.Hour))
			for i := range tokens {
				var own []string
				for _, s := range scopes {
					own = append(own, strings.Clone(s))
				}
				m.Put(fmt.Sprint(i), fmt.Sprintf("a subject of some length, %d", i), own, now.Add(time.Hour))
				if i%1000 == 0 && !m.Get("in use", now) {
					t.Fatalf("a token in use is forgotten after %d others", i)
				}
			}
			if took := heap() - before; took > most {
				t.Errorf("%d tokens take %d MiB", tokens, took>>20)
			}
			for i := range 1000 {
				if raw := fmt.Sprint(tokens - 1 - i); !m.Get(raw, now) {
					t.Fatalf("of the newest tokens, one is forgotten after %d", i)
				}
			}
			if m.Get("0", now) {
				t.Error("the oldest is remembered")
			}
			runtime.KeepAlive(m)
		})
	}
}

func heap() int {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int(s.HeapAlloc)
}

// manyScopes are as many as a token may have, and as long.
func manyScopes() (scopes []string) {
	for i := range 64 {
		scopes = append(scopes, fmt.Sprintf("send:%064d", i))
	}
	return scopes
}

func TestMemoryEndsWithTheToken(t *testing.T) {
	m, now := access.NewMemory(), time.Now()
	m.Put("a", "ann", nil, now.Add(time.Second))
	if !m.Get("a", now.Add(time.Second-1)) || m.Get("a", now.Add(time.Second)) || m.Get("a", now) {
		t.Error("it is remembered too long, or not long enough, or comes back")
	}
}

// Remembering saves nearly all of what a token costs: compare the lines of this benchmark.
func BenchmarkCaller(b *testing.B) {
	for _, kind := range []token.Kind{token.RSA, token.EC, token.Ed25519, token.Secret} {
		l := newLogin(b, kind)
		file := fileOf(b, l.public)
		g := newGate(b, access.Config{Keys: file, Audience: "emostream"})
		r := requestWith("Bearer " + l.token(b, nil))
		for _, remembers := range []bool{true, false} {
			b.Run(fmt.Sprintf("%s/remembered=%v", kind, remembers), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if !remembers {
						g.Forget()
					}
					if _, refusal := g.Caller(r); refusal != nil {
						b.Fatal(refusal.Message)
					}
				}
			})
		}
	}
	b.Run("without keys", func(b *testing.B) {
		b.ReportAllocs()
		var g *access.Gate
		for b.Loop() {
			_, _ = g.Caller(requestOnce)
		}
	})
}

// A token that is remembered costs no memory of its own.
func TestRememberedTokenAllocatesNothing(t *testing.T) {
	l := newLogin(t, token.EC)
	g := newGate(t, access.Config{Keys: fileOf(t, l.public)})
	r := requestWith("Bearer " + l.token(t, nil))
	if n := testing.AllocsPerRun(100, func() {
		if _, refusal := g.Caller(r); refusal != nil {
			t.Fatal(refusal.Message)
		}
	}); n > 0 {
		t.Errorf("%v allocations a request", n)
	}
}
