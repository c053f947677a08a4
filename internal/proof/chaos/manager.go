package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/emoji"
	"github.com/emostream/emostream/internal/sleep"
)

// manager changes what is in force while faults happen: it pauses the channel, hides an
// emoji that clients send, and bans users. Reactions that are refused for it must not be in
// the log, and all others are counted as ever. A change may fail while brokers are away.
type manager struct {
	program     string
	brokers     []string
	mainServers []string
	made        int // changes that were made
}

// Times of a manager.
const (
	betweenChanges = 500 * time.Millisecond
	changeTimeout  = 10 * time.Second
)

// run makes changes until ctx ends.
func (m *manager) run(ctx context.Context) {
	for i := 0; ; i++ {
		for _, args := range [][]string{
			{"hide", nthEmoji(i)}, {"pause", "--for", "1s", "--reason", "chaos"}, {"ban", fmt.Sprintf("c0-%06d", i)}, {"show", nthEmoji(i)}, {"resume"},
		} {
			if sleep.For(ctx, betweenChanges) != nil {
				return
			}
			if m.control(context.WithoutCancel(ctx), args...) == nil {
				m.made++
			}
		}
	}
}

// control runs a command of emostream control.
func (m *manager) control(ctx context.Context, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	args = append(append([]string{"control"}, args...), "--brokers", strings.Join(m.brokers, ","))
	if out, err := exec.CommandContext(ctx, m.program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("emostream %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// finish ends what clients notice, when everything runs again. It returns an error unless
// every main server then obeys the same.
func (m *manager) finish(ctx context.Context) error {
	errs := []error{m.control(ctx, append([]string{"show"}, emoji.Favourites()...)...), m.control(ctx, "resume"), m.control(ctx, "pause", "agreed")}
	for _, server := range m.mainServers {
		errs = append(errs, m.waitPaused(ctx, server, "agreed"))
	}
	return errors.Join(errs...)
}

// waitPaused waits until a main server says that one channel is paused, and no other.
func (m *manager) waitPaused(ctx context.Context, server, channel string) error {
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	for {
		paused, err := m.paused(ctx, server)
		if _, is := paused[channel]; err == nil && is && len(paused) == 1 {
			return nil
		}
		if sleep.For(ctx, 100*time.Millisecond) != nil {
			return fmt.Errorf("%s says that %v are paused (%w), and %s is", server, paused, err, channel)
		}
	}
}

// paused returns the channels of which a main server takes no reactions.
func (m *manager) paused(ctx context.Context, server string) (map[string]any, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/v1/config", nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var config struct{ Paused map[string]any }
	err = json.NewDecoder(res.Body).Decode(&config)
	return config.Paused, err
}
