package ingest

import (
	"net/http"
	"slices"
	"time"

	"github.com/emostream/emostream/internal/controls"
	"github.com/emostream/emostream/internal/emoji"
	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/quota"
	"github.com/emostream/emostream/internal/text/quote"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server/access"
)

// settings is the answer to /v1/config: what a page must know before it can be used. It
// holds nothing that not everybody may know.
type settings struct {
	Channels []string          `json:"channels"`            // names, and beginnings with a star; * is any
	Palette  []string          `json:"palette"`             // emojis to offer, without those that are hidden
	Names    map[string]string `json:"names"`               // of the palette's emojis, as Unicode has them
	AnyEmoji bool              `json:"any_emoji"`           // others are taken, too
	Hidden   []string          `json:"hidden"`              // emojis that are not taken now; null: more than maxListed
	WindowMS int64             `json:"window_ms,omitempty"` // 0: not known yet
	Limits   limits            `json:"limits"`
	Token    struct {
		Send  bool `json:"send"`
		Watch bool `json:"watch"`
	} `json:"token_needed"`
	Paused   map[string]inForce `json:"paused"`              // by channel: reactions are not taken
	Slowed   map[string]inForce `json:"slowed"`              // by channel: each user may send per_user
	More     bool               `json:"more_channels"`       // what is set for other channels is left out
	LoginURL string             `json:"login_url,omitempty"` // where people get a token
	// Now is when the server answered, by the clock that decides the windows.
	Now string `json:"now"`
}

// limits are what one request may hold, and one client may send.
type limits struct {
	Count   int   `json:"count"` // of one reaction
	Items   int   `json:"items"` // of one array
	User    *rate `json:"user,omitempty"`
	Address *rate `json:"address,omitempty"` // of each user, where a token proves who that is
}

// rate is how often something may be done.
type rate struct {
	PerSecond float64 `json:"per_second"`
	AtOnce    int     `json:"at_once"`
}

// inForce is what managers have set for a channel.
type inForce struct {
	State   controls.State `json:"state"`
	PerUser *rate          `json:"per_user,omitempty"`
	Until   string         `json:"until,omitempty"` // "": it does not end by itself
	Reason  string         `json:"reason,omitempty"`
}

// maxListed is how many controls of a kind the settings list at most. Managers may set many
// more, and anybody may ask.
const maxListed = 100

// config answers with the settings that a page must know.
func (h *Handler) config(w http.ResponseWriter, r *http.Request) {
	now, channel := time.Now(), r.URL.Query().Get("channel")
	if channel != "" && !wire.ValidChannel(channel) {
		httpserve.Refusalf(http.StatusUnprocessableEntity, "invalid_channel", "channel %s: 1 to %d of A-Z a-z 0-9 . _ - are allowed", quote.Text(channel, 32), wire.MaxChannel).ServeHTTP(w, r)
		return
	}
	s := settings{
		Channels: h.cfg.Channels.list, Palette: []string{}, Names: map[string]string{}, AnyEmoji: len(h.cfg.Allowed) == 0,
		Limits: limits{Count: maxCount, Items: maxArrayItems, User: rateOf(h.cfg.Quotas.User), Address: rateOf(h.cfg.Quotas.Address)},
		Paused: map[string]inForce{}, Slowed: map[string]inForce{},
		LoginURL: h.cfg.LoginURL, Now: string(wire.AppendTime(nil, now.UnixMilli())),
	}
	if h.cfg.Channels.Any() {
		s.Channels = []string{"*"}
	}
	if h.cfg.Window != nil {
		s.WindowMS = h.cfg.Window().Milliseconds()
	}
	s.Token.Send, s.Token.Watch = h.cfg.Gate.NeedsToken(access.Send), h.cfg.Gate.NeedsToken(access.Watch)
	for _, e := range h.palette() {
		if _, hidden := h.cfg.Controls.Get(controls.Emoji, string(e), now); !hidden && !slices.Contains(s.Palette, string(e)) {
			s.Palette = append(s.Palette, string(e))
			s.Names[string(e)] = e.Name()
		}
	}
	if h.cfg.Controls.Size(controls.Emoji) <= maxListed {
		s.Hidden = []string{}
		for _, c := range h.cfg.Controls.All(now, controls.Emoji) {
			s.Hidden = append(s.Hidden, c.Name)
		}
	}
	var set []controls.Control
	set, s.More = h.channelsToTell(channel, now)
	for _, c := range set {
		says := inForce{State: c.State, Reason: c.Reason}
		if !c.Until.IsZero() {
			says.Until = string(wire.AppendTime(nil, c.Until.UnixMilli()))
		}
		if c.State == controls.Slowed {
			says.PerUser = rateOf(c.PerUser)
			s.Slowed[c.Name] = says
		} else {
			s.Paused[c.Name] = says
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	httpserve.WriteJSON(w, http.StatusOK, s)
}

// channelsToTell returns what is set for the channel that is asked for, or for all if none
// is. If that would be too much to list, it is that of the main channel, and more is true.
func (h *Handler) channelsToTell(asked string, now time.Time) (set []controls.Control, more bool) {
	if asked == "" {
		if h.cfg.Controls.Size(controls.Channel) <= maxListed {
			return h.cfg.Controls.All(now, controls.Channel), false
		}
		asked, more = wire.MainChannel, true
	}
	if c, ok := h.cfg.Controls.Get(controls.Channel, asked, now); ok {
		set = append(set, c)
	}
	return set, more
}

// palette returns the emojis that pages offer.
func (h *Handler) palette() []emoji.Emoji {
	if len(h.cfg.Allowed) > 0 {
		return h.cfg.Allowed
	}
	var all []emoji.Emoji
	for _, e := range emoji.Favourites() {
		all = append(all, emoji.Emoji(e))
	}
	return all
}

// rateOf returns a rate as it is told, or nil if there is no limit.
func rateOf(r quota.Rate) *rate {
	if r == (quota.Rate{}) {
		return nil
	}
	return &rate{r.PerSecond, r.Burst}
}
