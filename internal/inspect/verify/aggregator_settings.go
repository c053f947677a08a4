package verify

import (
	"cmp"
	"context"
	"fmt"

	"github.com/emostream/emostream/internal/inspect/topicreader"
	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/internal/wire"
)

// settings returns the settings that were given, completed by those of the newest mark
// in emoji-partials, and where they are from. They are zero if neither exists.
func (a *reader) settings(ctx context.Context, partitions int) (wire.Settings, string, error) {
	given := wire.Settings{WindowMS: a.cfg.Window.Milliseconds(), LatenessMS: a.cfg.Lateness.Milliseconds()}
	mark, err := topicreader.NewestMark(ctx, a.cfg.Client, a.cfg.Topics.Partials(), partitions, a.cfg.Stall)
	if err != nil {
		return wire.Settings{}, "", err
	}
	s := mark.Settings
	if s != (wire.Settings{}) {
		given = wire.Settings{WindowMS: cmp.Or(given.WindowMS, s.WindowMS), LatenessMS: cmp.Or(given.LatenessMS, s.LatenessMS)}
		if given != s {
			return wire.Settings{}, "", &SettingsError{Given: given, Counted: s}
		}
		return s, "emoji-partials", nil
	}
	switch {
	case given != wire.Settings{}:
		return wire.Settings{
			WindowMS:   cmp.Or(given.WindowMS, windowing.DefaultWindow.Milliseconds()),
			LatenessMS: cmp.Or(given.LatenessMS, windowing.DefaultLateness.Milliseconds()),
		}, "given", nil
	}
	return wire.Settings{}, "none", nil
}

// SettingsError says that aggregate counts by other settings than were given. A
// comparison by the given ones would find losses where there are none.
type SettingsError struct{ Given, Counted wire.Settings }

func (e *SettingsError) Error() string {
	return fmt.Sprintf("the counting is done with %v, and %v was given", e.Counted, e.Given)
}
