package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/proof/kafkatest"
	"github.com/emostream/emostream/internal/wire"
)

// An installation of an earlier version becomes one of this version in which people need
// tokens, while they tap and watch, in each order of the steps. A second subscriber server
// stays as it was. From when the main server has keys it sends nobody there, and nobody
// anywhere until a server checks tickets. Nothing is refused, lost or counted twice, and
// who watches by /register is shown everything.
func TestUpgradeAccess(t *testing.T) {
	sideBySide(t)
	earlier := earlierProgram(t)
	if os.Getenv(kafkatest.BrokersVariable) != "" {
		t.Skip("each order has a broker of its own")
	}
	for _, order := range []string{"tickets subscribe keys", "subscribe tickets keys", "tickets keys subscribe"} {
		t.Run(order, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			command := func(args ...string) string {
				cmd := exec.Command(binary, args...)
				cmd.Dir = dir
				out, err := cmd.Output()
				if err != nil {
					t.Fatalf("%v: %v", args, err)
				}
				return strings.TrimSpace(string(out))
			}
			command("token", "keygen")
			tickets := filepath.Join(dir, "tickets")
			writeFile(t, tickets, strings.Repeat("t", 40))
			u, _, _ := newUpgradeWithBroker(t, earlier)
			u.stopTaps()
			u.token = command("token", "new", "--subject", "e2e")
			u.tap()
			watcher := u.watch()
			old := free(t)
			startProgram(t, earlier, nil, "subscribe", "--name", "sub2", "--listen", old, "--brokers", strings.Join(u.brokers, ","), "--topic-prefix", u.names.Prefix, "--group-prefix", u.names.Prefix)
			until(t, "both servers are announced", func() error {
				if a := request(t, http.MethodGet, *u.main.Load()+"/v1/servers", u.token, ""); !strings.Contains(a.body, "sub1") || !strings.Contains(a.body, "sub2") {
					return errors.New(a.body)
				}
				return nil
			})

			serve, subscribe := u.stages[0], u.stages[3]
			give := func(s *upgradedStage, flags ...string) {
				for i := range s.args {
					s.args[i] = append(s.args[i], flags...)
				}
				s.version = 0 // replace takes this version's program, also instead of this version's
				u.replace(s)
			}
			hasKeys, checks := false, false
			for _, step := range append([]string{"aggregate"}, append(strings.Fields(order), "publish")...) {
				switch step {
				case "aggregate":
					u.replace(u.stages[1])
				case "publish":
					u.replace(u.stages[2])
				case "tickets":
					give(serve, "--ticket-key-file", tickets)
				case "keys":
					give(serve, "--auth-keys", filepath.Join(dir, "token-key.pub.pem"))
					hasKeys = true
				case "subscribe":
					give(subscribe, "--ticket-key-file", tickets)
					checks = true
				}
				u.sends(hasKeys, checks)
			}
			u.stopTaps()
			t.Logf("%d accepted, %d in doubt, %d refused", u.taps.total, u.taps.inDoubt, u.taps.refused)
			if u.taps.inDoubt > 0 || u.taps.refused > 0 {
				t.Errorf("%d taps are in doubt and %d were refused, want none", u.taps.inDoubt, u.taps.refused)
			}
			u.checkCounted(u.taps)
			watcher.checkShown(t, "who registers", time.Time{}, u.taps)
			verifies(t, binary, u.installation, u.names.Prefix)
		})
	}
}

// sends waits until a hundred taps more are accepted, and asks meanwhile to be sent to a
// subscriber server. If the main server has keys, that must be sub1 with a ticket, if that
// checks tickets, and else none.
func (u *upgrade) sends(hasKeys, checks bool) {
	u.t.Helper()
	accepted := func() (n int64) {
		u.taps.enter(func() { n = u.taps.total })
		return n
	}
	sent, before := 0, accepted()
	until(u.t, "a hundred taps are accepted, and a client is sent somewhere", func() error {
		a := request(u.t, http.MethodGet, *u.main.Load()+"/register", u.token, "")
		switch proper := strings.Contains(a.body, `"sub1"`) && strings.Contains(a.body, "ticket="); {
		case a.status == http.StatusOK && hasKeys && (!checks || !proper):
			u.t.Errorf("%s: with keys (a server checks tickets: %v) a client is sent to %s", u.mixture(), checks, a.body)
		case a.status == http.StatusOK:
			sent++
		case a.status != http.StatusServiceUnavailable:
			u.t.Errorf("/register answers %d %s", a.status, a.body)
		}
		if n := accepted() - before; n < 100 || sent == 0 && (checks || !hasKeys) {
			return fmt.Errorf("%d are accepted, %d times a client is sent, the last answer is %d %s", n, sent, a.status, a.body)
		}
		return nil
	})
}

// watch registers, and listens where it is sent, until the test ends. It returns when it is
// shown something.
func (u *upgrade) watch() *listener {
	u.t.Helper()
	l := &listener{windows: map[int64]wire.Swarm{}}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		c := client.Client{Server: "http://main.invalid", HTTP: &http.Client{Transport: toMain{u}}, Token: func() string { return u.token }}
		err := c.Watch(ctx, wire.MainChannel, func(s wire.Swarm, _ []byte) error {
			l.mu.Lock()
			defer l.mu.Unlock()
			if old, ok := l.windows[s.Window.End]; !ok || s.Total > old.Total {
				l.windows[s.Window.End] = s
			}
			return nil
		}, nil)
		if err != nil {
			u.t.Errorf("watch: %v", err)
		}
	})
	u.t.Cleanup(func() { cancel(); wg.Wait() })
	until(u.t, "who registers is shown something", func() error {
		if l.total(time.Time{}) == 0 {
			return errors.New("nothing")
		}
		return nil
	})
	return l
}

// toMain sends requests for main.invalid to the main server that people use.
type toMain struct{ u *upgrade }

func (m toMain) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "main.invalid" {
		at, err := url.Parse(*m.u.main.Load())
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.URL.Host, r.Host = at.Host, at.Host
	}
	return http.DefaultTransport.RoundTrip(r)
}

// withToken shows a token, if there is one, with every request.
type withToken struct {
	*http.Transport
	token string
}

func (w withToken) RoundTrip(r *http.Request) (*http.Response, error) {
	if w.token != "" {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+w.token)
	}
	return w.Transport.RoundTrip(r)
}
