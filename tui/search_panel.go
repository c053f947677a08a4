package tui

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"

	"github.com/emostream/emostream/internal/emoji"
	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/tui/draw"
)

// Bounds of a search.
const (
	maxFound = 50 // emojis
	maxQuery = 40 // bytes
)

// searchPanel searches for an emoji by its name, its shortcode, or the emoji itself.
type searchPanel struct {
	takes    func(emoji string) bool // whether the server takes it
	query    string
	found    []emoji.Emoji
	selected int
}

// addToQuery returns the panel with more text typed into it.
func (f searchPanel) addToQuery(text string) searchPanel {
	if len(f.query)+len(text) <= maxQuery {
		f.query += text
	}
	return f.search()
}

func (f searchPanel) search() searchPanel {
	f.found, f.selected = slices.DeleteFunc(Find(f.query, maxFound), func(e emoji.Emoji) bool { return !f.takes(string(e)) }), 0
	return f
}

// Find returns up to most emojis that match a query, the best matches first: the emoji
// itself or the one with this shortcode; then those whose shortcode or name begins with
// the query; then those that contain all words of the query. Emojis with a skin tone
// are found only if the query asks for one.
func Find(query string, most int) []emoji.Emoji {
	query = strings.Trim(query, ": ")
	lower := strings.ToLower(query)
	words := strings.Fields(strings.ReplaceAll(lower, "_", " "))
	start := strings.Join(words, " ")
	var exact, begin, within []emoji.Emoji
	for _, text := range []string{query, ":" + strings.ReplaceAll(start, " ", "_") + ":"} {
		if e, err := emoji.Parse(text); err == nil && !slices.Contains(exact, e) {
			exact = append(exact, e)
		}
	}
	tones := strings.Contains(lower, "tone") || strings.Contains(lower, "skin")
	for e := range emoji.All() {
		if len(exact)+len(begin) >= most {
			break
		}
		name, code := strings.ToLower(e.Name()), strings.ReplaceAll(e.Shortcode(), "_", " ")
		switch {
		case slices.Contains(exact, e) || !tones && strings.Contains(name, "skin tone"):
		case strings.HasPrefix(code, start) || strings.HasPrefix(name, start):
			begin = append(begin, e)
		case hasAll(name+" "+code, words):
			within = append(within, e)
		}
	}
	all := slices.Concat(exact, begin, within)
	return all[:min(most, len(all))]
}

func hasAll(text string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

func (searchPanel) title() string { return "Find an emoji" }

func (f searchPanel) lines(c Crowd, width, height int) []string {
	t := c.theme
	query := t.Main.Render("/ ") + t.Title.Render(f.query) + t.Main.Render("▏")
	if len(f.found) == 0 {
		return []string{draw.Fit(query, width), draw.Fit(t.Warn.Render("no emoji has that name"), width)}
	}
	lines := []string{draw.Ends(query, t.Muted.Render(fmt.Sprintf("%d found", len(f.found))), width)}
	rows := max(1, height-2)
	first := max(0, min(f.selected-rows/2, len(f.found)-rows))
	for i := first; i < min(len(f.found), first+rows); i++ {
		e := f.found[i]
		mark, name := "  ", e.Name()
		if i == f.selected {
			mark, name = t.Main.Render("▸ "), t.Title.Render(name)
		}
		lines = append(lines, draw.Fit(mark+c.appearance.Emoji(string(e))+" "+name+" "+t.Muted.Render(":"+e.Shortcode()+":"), width))
	}
	lines = draw.Block(lines, width, max(len(lines), height-1))
	return append(lines, draw.Fit(t.Muted.Render("enter taps and closes, esc closes"), width))
}

func (f searchPanel) press(c Crowd, msg tea.KeyPressMsg) (Crowd, panel) {
	switch msg.String() {
	case "esc":
		return c, nil
	case "enter":
		if len(f.found) == 0 {
			return c, f
		}
		return c.tap(string(f.found[f.selected])), nil
	case "up", "ctrl+p":
		f.selected = max(0, f.selected-1)
		return c, f
	case "down", "ctrl+n":
		f.selected = max(0, min(len(f.found)-1, f.selected+1))
		return c, f
	case "backspace":
		_, size := utf8.DecodeLastRuneInString(f.query)
		f.query = f.query[:len(f.query)-size]
		return c, f.search()
	case "ctrl+u":
		f.query = ""
		return c, f.search()
	}
	return c, f.addToQuery(text.CleanCells(msg.Text))
}
