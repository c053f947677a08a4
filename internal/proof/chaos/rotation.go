package chaos

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/internal/ticket"
	"github.com/emostream/emostream/internal/token"
	"github.com/emostream/emostream/internal/wire"
)

// keys are those of tokens and of tickets, which are rotated while faults happen: a new one
// comes beside the old one, signs when servers have had the time to read it, and stays
// alone when what the old one signed has run out. A server that was paused meanwhile may
// refuse what the new one has signed, until it has read its files again.
type keys struct {
	tokenFile, ticketFile string

	public, secret []byte // of those that sign; of run alone
	rotations      int    // that are complete; of run alone

	mu      sync.Mutex
	signer  *token.Signer
	tickets *ticket.Keys
	token   string
	renewAt time.Time // when another token is made
}

// Times of keys.
const (
	tokenLife  = 5 * time.Second
	ticketLife = 5 * time.Second
	// readAgain is how long servers are given to read a file that has changed.
	readAgain = 7 * time.Second
)

// newKeys makes the first keys, with their files in a folder.
func newKeys(dir string) (*keys, error) {
	k := &keys{tokenFile: filepath.Join(dir, "token-keys.pem"), ticketFile: filepath.Join(dir, "ticket-keys")}
	signer, tickets, err := k.next()
	if err != nil {
		return nil, err
	}
	k.signer, k.tickets = signer, tickets
	return k, k.write(k.public, k.secret)
}

// next makes keys, and puts them in the place of those that sign.
func (k *keys) next() (*token.Signer, *ticket.Keys, error) {
	private, public, err := token.Generate(token.Ed25519)
	if err != nil {
		return nil, nil, err
	}
	secret := []byte(rand.Text() + rand.Text() + "\n")
	signer, err1 := token.ReadSigner(private)
	tickets, err2 := ticket.New(secret)
	k.public, k.secret = public, secret
	return signer, tickets, errors.Join(err1, err2)
}

// write writes the files that servers read.
func (k *keys) write(public, secret []byte) error {
	return errors.Join(os.WriteFile(k.tokenFile, public, 0o600), os.WriteFile(k.ticketFile, secret, 0o600))
}

// flags returns those that tell a stage of the keys.
func (k *keys) flags(command string) []string {
	switch {
	case k == nil:
		return nil
	case command == "serve":
		return []string{"--auth-keys", k.tokenFile, "--ticket-key-file", k.ticketFile}
	case command == "subscribe":
		return []string{"--ticket-key-file", k.ticketFile}
	}
	return nil
}

// run rotates the keys until ctx ends.
func (k *keys) run(ctx context.Context) error {
	for {
		oldPublic, oldSecret := k.public, k.secret
		signer, tickets, err := k.next()
		if err == nil {
			err = k.write(slices.Concat(oldPublic, k.public), slices.Concat(oldSecret, k.secret))
		}
		if err != nil {
			return err
		}
		if sleep.For(ctx, readAgain) != nil {
			return nil //nolint:nilerr // the end of ctx is how run ends
		}
		k.mu.Lock()
		k.signer, k.tickets, k.renewAt = signer, tickets, time.Time{}
		k.mu.Unlock()
		if err := k.write(slices.Concat(oldPublic, k.public), slices.Concat(k.secret, oldSecret)); err != nil {
			return err
		}
		if sleep.For(ctx, max(readAgain, tokenLife, ticketLife)) != nil {
			return nil //nolint:nilerr // the end of ctx is how run ends
		}
		if err := k.write(k.public, k.secret); err != nil {
			return err
		}
		k.rotations++
	}
}

// bearer returns a token with which a client may send for everybody. It is one of the last
// seconds, as that of a backend is.
func (k *keys) bearer() (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	if now.Before(k.renewAt) {
		return k.token, nil
	}
	scopes, _, err := token.ParseScopes("emostream:send emostream:as emostream:watch")
	if err != nil {
		return "", err
	}
	k.token, err = k.signer.Sign(token.Claims{Subject: "chaos", Audience: []string{"emostream"}, Scopes: scopes, Expires: now.Add(tokenLife)}, nil)
	k.renewAt = now.Add(tokenLife / 2)
	return k.token, err
}

// streamURL returns the address of a stream with a ticket of a few seconds, as /register
// makes them.
func (k *keys) streamURL(stream string) string {
	if k == nil {
		return stream
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return stream + "?ticket=" + k.tickets.Seal(ticket.Ticket{Subject: "chaos", Channel: wire.MainChannel, Expires: time.Now().Add(ticketLife)})
}

// finish returns an error unless every main server takes the tokens that are made now.
func (k *keys) finish(ctx context.Context, mainServers []string) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	var errs []error
	for _, server := range mainServers {
		status, answer := 0, ""
		for status != http.StatusOK && sleep.For(ctx, 100*time.Millisecond) == nil {
			status, answer = k.register(ctx, server)
		}
		if status != http.StatusOK {
			errs = append(errs, fmt.Errorf("%s does not take a token: %d %s", server, status, answer))
		}
	}
	return errors.Join(errs...)
}

// register shows a token to a main server, and returns what it answers.
func (k *keys) register(ctx context.Context, server string) (status int, answer string) {
	bearer, err := k.bearer()
	if err != nil {
		return 0, err.Error()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/register", nil)
	if err != nil {
		return 0, err.Error()
	}
	req.Header.Set("Authorization", "Bearer "+bearer)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(io.LimitReader(res.Body, 4<<10)) // for people
	return res.StatusCode, string(b)
}
