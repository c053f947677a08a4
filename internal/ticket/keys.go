package ticket

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/emostream/emostream/internal/errno"
	"github.com/emostream/emostream/internal/text"
)

// Keys are the secrets that sign tickets and heartbeats: the first signs, all verify. Nil:
// there are none. They are safe for concurrent use.
type Keys struct {
	current atomic.Pointer[[]*key] // never empty
	path    string                 // of the file; empty: they come from none
}

// key is one secret. It is used by its address only, so that whatever prints what holds it
// does not print the secret.
type key struct{ secret []byte }

// use is what a key signs. Nothing that is signed for one use is good for another.
type use string

const (
	forTicket      use = "emostream ticket\x00"
	forHolder      use = "emostream holder\x00"
	forHeartbeat   use = "emostream heartbeat\x00"
	forFingerprint use = "emostream fingerprint\x00"
)

// mac returns the authentication code of a message under the key.
func (k *key) mac(u use, message []byte) []byte {
	h := hmac.New(sha256.New, k.secret)
	h.Write([]byte(u))
	h.Write(message)
	return h.Sum(nil)
}

func (k *Keys) all() []*key { return *k.current.Load() }

// Bounds of a file of keys.
const (
	minKey  = 32      // bytes
	maxKeys = 16      // who rotates keys needs two
	maxFile = 1 << 16 // bytes
)

// New returns the keys in a text: a key a line, of 32 bytes or more. Empty lines and those
// that begin with # do not count.
func New(secret []byte) (*Keys, error) {
	all, err := parse(secret)
	if err != nil {
		return nil, err
	}
	k := &Keys{}
	k.current.Store(&all)
	return k, nil
}

// Generate returns a new key that nobody else has.
func Generate() *Keys {
	k := &Keys{}
	k.current.Store(&[]*key{{[]byte(rand.Text() + rand.Text())}})
	return k
}

func parse(secret []byte) ([]*key, error) {
	if bytes.Contains(secret, []byte("-----BEGIN")) {
		return nil, errors.New("there is a PEM file in it, which is no secret that only servers know: want a key a line, as openssl rand -base64 32 makes one")
	}
	secret, err := text.TrimMark(secret)
	if err != nil {
		return nil, err
	}
	var all []*key
	number := 0
	for line := range bytes.Lines(secret) {
		number++
		line = bytes.TrimSpace(line)
		switch {
		case len(line) == 0 || line[0] == '#':
		case len(line) < minKey:
			return nil, fmt.Errorf("the key in line %d has %d bytes: want at least %d, as openssl rand -base64 32 makes them", number, len(line), minKey)
		default:
			all = append(all, &key{bytes.Clone(line)})
		}
	}
	switch {
	case len(all) == 0:
		return nil, errors.New("there is no key in it: want a key a line, as openssl rand -base64 32 makes one")
	case len(all) > maxKeys:
		return nil, fmt.Errorf("there are %d keys in it: at most %d are taken", len(all), maxKeys)
	}
	return all, nil
}

// Read returns the keys in a file.
func Read(path string) (*Keys, error) {
	all, err := read(path)
	if err != nil {
		return nil, err
	}
	k := &Keys{path: path}
	k.current.Store(&all)
	return k, nil
}

func read(path string) ([]*key, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("it cannot be read: %s", errno.Cause(err))
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, fmt.Errorf("it cannot be read: %s", errno.Cause(err))
	}
	return parse(b)
}

// rereadAfter is how often the file is read again.
const rereadAfter = 5 * time.Second

// Run reads the file of the keys again and again, until ctx ends, and takes the keys that it
// finds. While it cannot be read, or is no file of keys, those that are known stay.
func (k *Keys) Run(ctx context.Context, log *slog.Logger) error {
	if k == nil || k.path == "" {
		return nil
	}
	t := time.NewTicker(rereadAfter)
	defer t.Stop()
	failed := ""
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		switch all, err := read(k.path); {
		case err != nil && err.Error() != failed:
			failed = err.Error()
			log.Warn("the file of ticket keys cannot be used, and the keys that it had stay in force", "file", k.path, "error", err)
		case err != nil:
		case !slices.EqualFunc(all, k.all(), func(a, b *key) bool { return bytes.Equal(a.secret, b.secret) }):
			k.current.Store(&all)
			log.Info("the ticket keys have changed", "file", k.path, "keys", len(all))
			fallthrough
		default:
			failed = ""
		}
	}
}
