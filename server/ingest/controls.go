package ingest

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/emostream/emostream/internal/controls"
	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/quota"
	"github.com/emostream/emostream/internal/text/quote"
)

// managed refuses what managers have set not to be taken while an event runs.
type managed struct {
	table *controls.Table // nil: nothing is set

	once   sync.Once
	bucket *quota.Limiter // of users in channels that are slowed; made when the first one is
}

// refusal returns why a reaction is not taken now, because its user is banned, its channel
// is paused or closed, or its emoji is hidden; nil: it may be.
func (m *managed) refusal(one reaction, now time.Time) *httpserve.Refusal {
	if c, banned := m.table.Get(controls.User, one.UserID, now); banned {
		then := "nothing is taken from it"
		if !c.Until.IsZero() {
			then += " until then"
		}
		return setByManager("banned", c, "user_id "+quote.Text(c.Name, 40)+" is banned", then)
	}
	if c, ok := m.table.Get(controls.Channel, one.Channel, now); ok {
		switch c.State {
		case controls.Paused:
			return setByManager("paused", c, fmt.Sprintf("channel %q is paused", c.Name), "send again when it goes on")
		case controls.Closed:
			return setByManager("closed", c, fmt.Sprintf("channel %q is closed", c.Name), "it takes no more reactions")
		}
	}
	if c, hidden := m.table.Get(controls.Emoji, one.Emoji, now); hidden {
		return setByManager("hidden_emoji", c, c.Name+" is not taken", "send another emoji")
	}
	return nil
}

// setByManager returns the refusal of what a control forbids. It says until when, and why.
func setByManager(code string, c controls.Control, what, then string) *httpserve.Refusal {
	return httpserve.Refusalf(http.StatusForbidden, code, "%s: %s", c.Describe(what), then)
}

// slowTokens are those that a reaction took because its channel is slowed. The zero value
// is none.
type slowTokens struct {
	bucket *quota.Limiter
	rate   quota.Rate
	key    uint64
	count  int
}

// refund gives the tokens back.
func (t slowTokens) refund() {
	if t.bucket != nil {
		t.bucket.RefundAt(t.rate, t.key, t.count)
	}
}

// take takes a reaction's tokens from the bucket of its user in its channel, if the
// channel is slowed. If there are too few it refuses the reaction and takes none.
func (m *managed) take(one reaction, from client, now time.Time) (slowTokens, *httpserve.Refusal) {
	c, ok := m.table.Get(controls.Channel, one.Channel, now)
	if !ok || c.State != controls.Slowed {
		return slowTokens{}, nil
	}
	m.once.Do(func() { m.bucket = quota.New(c.PerUser, maxKeys) })
	key := from.userKey(m.bucket.PairKey(one.Channel, one.UserID))
	if one.count > c.PerUser.Burst {
		return slowTokens{}, httpserve.Refusalf(http.StatusUnprocessableEntity, "invalid_count", "count %d: at most %d are allowed at once for each user_id while channel %q is slowed", one.count, c.PerUser.Burst, c.Name)
	}
	if wait := m.bucket.TakeAt(c.PerUser, key, one.count, now); wait > 0 {
		why := ""
		if c.Reason != "" {
			why = " (" + c.Reason + ")"
		}
		return slowTokens{}, &httpserve.Refusal{
			Status: http.StatusTooManyRequests, Code: "rate_limited", RetryAfter: wait,
			Message: fmt.Sprintf("channel %q is slowed%s, each user_id may send %s: send it again after %v", c.Name, why, c.PerUser.Text(), max(time.Millisecond, wait.Round(time.Millisecond))),
		}
	}
	return slowTokens{m.bucket, c.PerUser, key, one.count}, nil
}
