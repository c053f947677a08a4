package tui

import (
	"fmt"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// crowdKeys are the key bindings, from which the help is made.
type crowdKeys struct {
	tap, repeat, burst, find      key.Binding
	instruments, connect, suspend key.Binding
	help, quit                    key.Binding
}

func newCrowdKeys(slots int) crowdKeys {
	var digits []string
	for i := range slots {
		digits = append(digits, fmt.Sprint(i+1))
	}
	bind := func(label, does string, keys ...string) key.Binding {
		return key.NewBinding(key.WithKeys(keys...), key.WithHelp(label, does))
	}
	tap := "1"
	if slots > 1 {
		tap = fmt.Sprintf("1-%d", slots)
	}
	return crowdKeys{
		tap:         bind(tap, "tap", digits...),
		repeat:      bind("r", "repeat", "r"),
		burst:       bind("b", "burst", "b"),
		find:        bind("/", "find", "/"),
		instruments: bind("i", "instruments", "i"),
		connect:     bind("c", "connect anew", "c"),
		suspend:     bind("ctrl+z", "suspend", "ctrl+z"),
		help:        bind("?", "help", "?"),
		quit:        bind("q", "quit", "q", "esc", "ctrl+c"),
	}
}

// ShortHelp lists the keys for the line at the bottom.
func (k crowdKeys) ShortHelp() []key.Binding {
	return []key.Binding{k.tap, k.repeat, k.burst, k.find, k.instruments, k.help, k.quit}
}

// FullHelp lists all keys.
func (k crowdKeys) FullHelp() [][]key.Binding {
	return [][]key.Binding{{k.tap, k.repeat, k.burst, k.find}, {k.instruments, k.connect, k.suspend, k.help, k.quit}}
}

// press handles a key. An open panel gets every key except ctrl+c.
func (c Crowd) press(msg tea.KeyPressMsg) (Crowd, tea.Cmd) {
	if msg.String() == "ctrl+c" {
		return c.leave(), nil
	}
	if c.panel != nil {
		c, c.panel = c.panel.press(c, msg)
		return c, nil
	}
	switch k := c.keys; {
	case key.Matches(msg, k.tap):
		return c.tapKey(int(msg.String()[0] - '1')), nil
	case key.Matches(msg, k.repeat):
		return c.tap(c.lastEmoji), nil
	case key.Matches(msg, k.burst) && c.burst.running():
		c.burst = c.burst.stopped()
	case key.Matches(msg, k.burst):
		c.panel = newBurstPanel(c)
	case key.Matches(msg, k.find):
		c.panel = searchPanel{takes: c.keyEmojis.takes}.addToQuery("")
	case key.Matches(msg, k.instruments):
		c.instruments = !c.instruments
	case key.Matches(msg, k.connect):
		return c, c.reconnect()
	case key.Matches(msg, k.suspend):
		return c, tea.Suspend
	case key.Matches(msg, k.help):
		c.panel = helpPanel{}
	case key.Matches(msg, k.quit):
		return c.leave(), nil
	}
	return c, nil
}
