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
	idleFrame  = 100 * time.Millisecond // between two frames while nothing moves but the countdown
	surveyed   = 10 * time.Second       // between two questions to the main server
	asleep     = 5 * time.Second        // a gap between two frames that only a machine that slept explains
	noticed    = 6 * time.Second        // for which a notice stands
	leaveWait  = 3 * time.Second        // for taps on their way when somebody leaves
	settling   = 400 * time.Millisecond // in which bars come to their new lengths
	mostFuture = time.Minute            // by which a window may begin after now
)

// CrowdConfig says what a Crowd shows and how it reaches the server.
type CrowdConfig struct {
	Channel string   // default main
	User    string   // whose taps they are
	Palette []string // emojis on the keys 1 to 9; default emoji.Favourites
	FPS     int      // frames a second while something moves, 1 to 60; default 30
	Mouse   bool     // a click on the palette is a tap
	Look    draw.Look
	Now     func() time.Time // default time.Now

	// What the view asks for; each is called in a goroutine of its own and may
	// block. Default: nothing comes of it.
	Send   func([]client.Reaction) ([]client.Result, error)
	Status func() (client.Status, error)
	Renew  func() // connect anew, now
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
	if c.Renew == nil {
		c.Renew = func() {}
	}
	return c
}

// Messages to a Crowd, besides Heard and Sent.
type (
	// Tick says that a frame is due.
	Tick struct{ At time.Time }
	// Surveyed is what the main server said of the installation.
	Surveyed struct {
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
	look          draw.Look
	theme         draw.Theme
	help          help.Model
	keys          crowdKeys
	panel         panel // what is open over the field
	instruments   bool

	now    time.Time
	before time.Time // of the last frame
	link   Connection
	clock  Clock
	past   History
	came   time.Time // when the newest window came
	faded  bool      // it is too old to float
	shown  []int64   // ends of windows to be seen with the next frame
	flock  Flock
	outbox Outbox
	last   string // the emoji tapped last
	burst  burst
	notice notice

	asked     time.Time // the main server, how things are
	asking    bool
	servers   []client.ServerStatus
	events    int
	lastError string

	ack, delay, seen Samples
	leaving          time.Time // zero: it stays
	beside           []string  // what stands beside the field, as last drawn: it rarely changes
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
	c := Crowd{cfg: cfg, width: 80, height: 24, look: cfg.Look, keys: newCrowdKeys(len(cfg.Palette)), last: cfg.Palette[0]}
	c.now = cfg.Now()
	return c.styled()
}

func (c Crowd) styled() Crowd {
	c.theme = c.look.Styles()
	c.help = draw.NewHelp(c.theme)
	return c
}

// Outbox is what became of the taps.
func (c Crowd) Outbox() Outbox { return c.outbox }

// Init asks the terminal what it looks like and the server how things are.
func (c Crowd) Init() tea.Cmd {
	return tea.Batch(c.look.Init(), c.tick())
}

// tick is the command that brings the next frame.
func (c Crowd) tick() tea.Cmd {
	d := time.Second / time.Duration(c.cfg.FPS)
	if !c.moves() {
		d = max(d, idleFrame)
	}
	return tea.Tick(d, func(at time.Time) tea.Msg { return Tick{at} })
}

// moves says whether anything moves but the countdown.
func (c Crowd) moves() bool {
	return c.flock.Moving() || c.burst.running() || c.now.Sub(c.came) < settling
}

// moved says whether what stands beside the field may have changed with a message:
// keys do not change it, and a frame does when its bars move or another window
// should have come.
func (c Crowd) moved(msg tea.Msg) bool {
	switch msg.(type) {
	case tea.KeyPressMsg:
		return false
	case Tick:
		newest, ok := c.past.Newest()
		length := newest.Window.End - newest.Window.Start
		return c.before.Sub(c.came) < settling ||
			ok && c.arrivedBy()/length != (c.arrivedBy()-c.now.Sub(c.before).Milliseconds())/length
	}
	return true
}

// Update takes one message in.
func (c Crowd) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var cmds []tea.Cmd
	instruments := c.instruments
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		c.width, c.height = msg.Width, msg.Height
	case tea.BackgroundColorMsg, tea.ColorProfileMsg, tea.ModeReportMsg:
		c.look = c.look.Update(msg)
		c = c.styled()
	case Tick:
		var cmd tea.Cmd
		c, cmd = c.frame(msg.At)
		cmds = append(cmds, cmd, c.tick())
	case Heard:
		var cmd tea.Cmd
		c, cmd = c.hear(msg)
		cmds = append(cmds, cmd)
	case Sent:
		c = c.sent(msg)
	case Surveyed:
		var cmd tea.Cmd
		c, cmd = c.surveyed(msg)
		cmds = append(cmds, cmd)
	case Leave:
		c = c.leave()
	case tea.KeyPressMsg:
		var cmd tea.Cmd
		c, cmd = c.press(msg)
		cmds = append(cmds, cmd)
	case tea.PasteMsg:
		if f, ok := c.panel.(finder); ok {
			c.panel = f.typed(text.CleanCells(msg.Content))
		}
	case tea.MouseClickMsg:
		if slot := c.slotAt(msg.X, msg.Y); msg.Button == tea.MouseLeft && slot >= 0 {
			c = c.tap(c.cfg.Palette[slot])
		}
	}
	c, send := c.flush()
	cmds = append(cmds, send)
	if c.framed() && (c.moved(msg) || c.instruments != instruments) {
		c.beside = c.column(c.rightWidth(), c.height-2-youHeight)
	}
	if !c.leaving.IsZero() && (c.outbox.Pending() == 0 || c.now.Sub(c.leaving) > leaveWait) {
		return c, tea.Quit
	}
	return c, tea.Batch(cmds...)
}
