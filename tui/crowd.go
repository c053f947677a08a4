package tui

import (
	"cmp"
	"errors"
	"time"

	"charm.land/bubbles/v2/help"
	tea "charm.land/bubbletea/v2"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/tui/draw"
)

// Times and bounds of a Crowd.
const (
	idleFrameInterval   = 100 * time.Millisecond // from one frame to the next while only the countdown moves
	pollInterval        = 10 * time.Second       // from one request for the main server's status to the next
	offlinePollInterval = 3 * time.Second        // the same while no stream is live
	noticeTime          = 6 * time.Second        // how long a notice is shown
	leaveTimeout        = 3 * time.Second        // how long a leaving user waits for taps that are on their way
	barEasing           = 400 * time.Millisecond // how long bars take to move to their new lengths
	maxFuture           = time.Minute            // a window that begins later than this from now is ignored
)

// CrowdConfig is the configuration of a Crowd.
type CrowdConfig struct {
	Channel    string   // default main
	User       string   // user_id of the taps
	Palette    []string // emojis on the keys 1 to 9; default those that the server offers
	FPS        int      // frames a second while something moves, 1 to 60; default 30
	Mouse      bool     // whether a click on the palette is a tap
	Appearance draw.Appearance
	Now        func() time.Time // default time.Now

	// These functions call the servers. Each runs in a goroutine of its own and may
	// block. By default they do nothing.
	Send      func([]client.Reaction) ([]client.Result, error)
	Status    func() (client.Status, error)
	Settings  func() (client.Settings, error)
	Reconnect func() // replaces the connection to the stream
}

func (c CrowdConfig) withDefaults() CrowdConfig {
	c.Channel = cmp.Or(c.Channel, wire.MainChannel)
	c.FPS = cmp.Or(c.FPS, 30)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Send == nil {
		c.Send = func([]client.Reaction) ([]client.Result, error) { return nil, nil }
	}
	if c.Status == nil {
		c.Status = func() (client.Status, error) { return client.Status{}, nil }
	}
	if c.Settings == nil {
		c.Settings = func() (client.Settings, error) { return client.Settings{}, errors.New("they are not known") }
	}
	if c.Reconnect == nil {
		c.Reconnect = func() {}
	}
	return c
}

// Messages to a Crowd, besides StreamEvents and SendResult.
type (
	// Tick says that a frame is due.
	Tick struct{ At time.Time }
	// StatusAnswer is the answer to a request for the status of the main server.
	StatusAnswer struct {
		Status client.Status
		Err    error
	}
	// Leave asks the view to close, as q does.
	Leave struct{}
)

// Crowd shows the reactions of a channel and lets the user take part. It learns
// everything through messages. It makes requests in commands, so Update never blocks.
type Crowd struct {
	cfg           CrowdConfig
	width, height int
	appearance    draw.Appearance
	theme         draw.Theme
	help          help.Model
	keys          crowdKeys
	keyEmojis     paletteKeys
	panel         panel // the panel that covers the field of floating emojis; nil if none is open
	instruments   bool

	now           time.Time
	lastFrame     time.Time // the value of now before the last frame
	connection    Connection
	channel       wire.ChannelState // as the stream or the main server last told it
	channelTold   bool              // the stream has told it
	clock         ServerClock
	history       WindowHistory
	newestArrived time.Time // when the newest window arrived
	faded         bool      // whether the newest window is too old for its emojis to float
	unmeasured    []int64   // ends of the windows that the next frame will show first
	floating      Floating
	taps          TapQueue
	lastEmoji     string
	burst         burst
	notice        notice

	polledAt  time.Time // when the status was last requested
	polling   bool      // whether a request for the status is under way
	settings  settingsCall
	servers   []client.ServerStatus
	events    int
	lastError string

	ackLatency, windowLatency, tapLatency LatencySamples
	leaving                               time.Time // when the user began to leave; zero if not leaving
	sidePanels                            []string  // the panels beside the field, which are drawn only when they change
}

// panel is a panel that covers the field of floating emojis.
type panel interface {
	title() string
	lines(c Crowd, width, height int) []string
	// press handles a key. It returns the panel, or nil to close it.
	press(c Crowd, msg tea.KeyPressMsg) (Crowd, panel)
}

// notice is a message that is shown for a while.
type notice struct {
	text    string
	bad     bool
	passing bool // it is about taps that will be sent again; it is removed once taps are accepted
	until   time.Time
}

// NewCrowd returns a Crowd.
func NewCrowd(cfg CrowdConfig) Crowd {
	cfg = cfg.withDefaults()
	c := Crowd{cfg: cfg, width: 80, height: 24, appearance: cfg.Appearance, keyEmojis: newPaletteKeys(cfg.Palette)}
	c.keys, c.lastEmoji = newCrowdKeys(len(c.keyEmojis.emojis)), c.keyEmojis.emojis[0]
	c.now = cfg.Now()
	return c.withStyles()
}

func (c Crowd) withStyles() Crowd {
	c.theme = c.appearance.Styles()
	c.help = draw.NewHelp(c.theme)
	return c
}

// Taps returns the taps and their outcomes.
func (c Crowd) Taps() TapQueue { return c.taps }

// Init asks the terminal for its background colour, and starts the frames.
func (c Crowd) Init() tea.Cmd {
	return tea.Batch(c.appearance.Init(), c.tick())
}

// Update handles a message.
func (c Crowd) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var cmds []tea.Cmd
	instruments := c.instruments
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		c.width, c.height = msg.Width, msg.Height
	case tea.BackgroundColorMsg, tea.ColorProfileMsg, tea.ModeReportMsg:
		c.appearance = c.appearance.Update(msg)
		c = c.withStyles()
	case Tick:
		var cmd tea.Cmd
		c, cmd = c.frame(msg.At)
		cmds = append(cmds, cmd, c.tick())
	case StreamEvents:
		var cmd tea.Cmd
		c, cmd = c.takeStream(msg)
		cmds = append(cmds, cmd)
	case SendResult:
		c = c.takeResult(msg)
	case SettingsAnswer:
		c = c.takeSettings(msg)
	case StatusAnswer:
		var cmd tea.Cmd
		c, cmd = c.takeStatus(msg)
		cmds = append(cmds, cmd)
	case Leave:
		c = c.leave()
	case tea.KeyPressMsg:
		var cmd tea.Cmd
		c, cmd = c.press(msg)
		cmds = append(cmds, cmd)
	case tea.PasteMsg:
		if f, ok := c.panel.(searchPanel); ok {
			c.panel = f.addToQuery(text.CleanCells(msg.Content))
		}
	case tea.MouseClickMsg:
		if slot := c.slotAt(msg.X, msg.Y); msg.Button == tea.MouseLeft && slot >= 0 {
			c = c.tapKey(slot)
		}
	}
	c, send := c.sendDue()
	cmds = append(cmds, send)
	if c.framed() && (c.sidePanelsChange(msg) || c.instruments != instruments) {
		c.sidePanels = c.drawSidePanels(c.rightWidth(), c.bodyHeight())
	}
	if !c.leaving.IsZero() && (c.taps.Pending() == 0 || c.now.Sub(c.leaving) > leaveTimeout) {
		return c, tea.Quit
	}
	return c, tea.Batch(cmds...)
}
