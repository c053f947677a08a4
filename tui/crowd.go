package tui

import (
	"cmp"
	"time"

	"charm.land/bubbles/v2/help"
	tea "charm.land/bubbletea/v2"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/emoji"
	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/tui/draw"
)

// When things are done.
const (
	idleFrameInterval = 100 * time.Millisecond // between two frames while nothing moves but the countdown
	pollInterval      = 10 * time.Second       // between two questions to the main server
	sleepGap          = 5 * time.Second        // a gap between two frames that only a machine that slept explains
	noticeTime        = 6 * time.Second        // for which a notice stands
	leaveTimeout      = 3 * time.Second        // for taps on their way when somebody leaves
	barEasing         = 400 * time.Millisecond // in which bars come to their new lengths
	maxFuture         = time.Minute            // by which a window may begin after now
)

// CrowdConfig says what a Crowd shows and how it reaches the server.
type CrowdConfig struct {
	Channel    string   // default main
	User       string   // whose taps they are
	Palette    []string // emojis on the keys 1 to 9; default emoji.Favourites
	FPS        int      // frames a second while something moves, 1 to 60; default 30
	Mouse      bool     // a click on the palette is a tap
	Appearance draw.Appearance
	Now        func() time.Time // default time.Now

	// What the view asks for; each is called in a goroutine of its own and may
	// block. Default: nothing comes of it.
	Send      func([]client.Reaction) ([]client.Result, error)
	Status    func() (client.Status, error)
	Reconnect func() // connect anew, now
}

func (c CrowdConfig) withDefaults() CrowdConfig {
	c.Channel = cmp.Or(c.Channel, wire.MainChannel)
	c.FPS = cmp.Or(c.FPS, 30)
	if len(c.Palette) == 0 {
		c.Palette = emoji.Favourites()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Send == nil {
		c.Send = func([]client.Reaction) ([]client.Result, error) { return nil, nil }
	}
	if c.Status == nil {
		c.Status = func() (client.Status, error) { return client.Status{}, nil }
	}
	if c.Reconnect == nil {
		c.Reconnect = func() {}
	}
	return c
}

// Messages to a Crowd, besides Heard and Sent.
type (
	// Tick says that a frame is due.
	Tick struct{ At time.Time }
	// Surveyed is what the main server said of the installation.
	StatusAnswer struct {
		Status client.Status
		Err    error
	}
	// Leave asks the view to close, as q does.
	Leave struct{}
)

// Crowd shows what a crowd feels, and lets somebody be part of it. It is fed with
// messages, and asks for what it needs by commands; its state is a value.
type Crowd struct {
	cfg           CrowdConfig
	width, height int
	appearance    draw.Appearance
	theme         draw.Theme
	help          help.Model
	keys          crowdKeys
	panel         panel // what is open over the field
	instruments   bool

	now        time.Time
	lastFrame  time.Time // of the last frame
	connection Connection
	clock      ServerClock
	history    WindowHistory
	newestCame time.Time // when the newest window came
	faded      bool      // it is too old to float
	unmeasured []int64   // ends of windows to be seen with the next frame
	floating   Floating
	outbox     TapQueue
	lastEmoji  string // the emoji tapped last
	burst      burst
	notice     notice

	polledAt  time.Time // the main server, how things are
	polling   bool
	servers   []client.ServerStatus
	events    int
	lastError string

	ackLatency, windowLatency, tapLatency LatencySamples
	leaving                               time.Time // zero: it stays
	sidePanels                            []string  // what stands beside the field, as last drawn: it rarely changes
}

// panel is what is open over the field of floating emojis.
type panel interface {
	title() string
	lines(c Crowd, width, height int) []string
	// press takes a key in; a nil panel is closed.
	press(c Crowd, msg tea.KeyPressMsg) (Crowd, panel)
}

// notice is a line that stands for a while.
type notice struct {
	text    string
	bad     bool
	passing bool // it is about taps under way, and goes when the next ones are counted
	until   time.Time
}

// NewCrowd returns the view of a crowd.
func NewCrowd(cfg CrowdConfig) Crowd {
	cfg = cfg.withDefaults()
	c := Crowd{cfg: cfg, width: 80, height: 24, appearance: cfg.Appearance, keys: newCrowdKeys(len(cfg.Palette)), lastEmoji: cfg.Palette[0]}
	c.now = cfg.Now()
	return c.withStyles()
}

func (c Crowd) withStyles() Crowd {
	c.theme = c.appearance.Styles()
	c.help = draw.NewHelp(c.theme)
	return c
}

// Outbox is what became of the taps.
func (c Crowd) Outbox() TapQueue { return c.outbox }

// Init asks the terminal what it looks like and the server how things are.
func (c Crowd) Init() tea.Cmd {
	return tea.Batch(c.appearance.Init(), c.tick())
}

// Update takes one message in.
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
			c = c.tap(c.cfg.Palette[slot])
		}
	}
	c, send := c.sendDue()
	cmds = append(cmds, send)
	if c.framed() && (c.sidePanelsChange(msg) || c.instruments != instruments) {
		c.sidePanels = c.drawSidePanels(c.rightWidth(), c.height-2-youHeight)
	}
	if !c.leaving.IsZero() && (c.outbox.Pending() == 0 || c.now.Sub(c.leaving) > leaveTimeout) {
		return c, tea.Quit
	}
	return c, tea.Batch(cmds...)
}
