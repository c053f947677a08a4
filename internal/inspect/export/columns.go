package export

import (
	"strconv"

	"github.com/emostream/emostream/internal/wire"
)

// Row is a line of a table. Its columns have the same names in all formats.
type Row interface {
	names() []string
	values() []string
}

// Window is how often an emoji was counted in a window of a channel.
type Window struct {
	Start   wire.Time `json:"window_start" parquet:"window_start,timestamp(millisecond:utc),delta"`
	End     wire.Time `json:"window_end" parquet:"window_end,timestamp(millisecond:utc),delta"`
	Channel string    `json:"channel" parquet:"channel,dict"`
	Emoji   string    `json:"emoji_type" parquet:"emoji_type,dict"`
	Count   int64     `json:"emoji_count" parquet:"emoji_count"`
	Scaled  float64   `json:"emoji_count_aggregated" parquet:"emoji_count_aggregated"`
}

func (Window) names() []string {
	return []string{"window_start", "window_end", "channel", "emoji_type", "emoji_count", "emoji_count_aggregated"}
}

func (w Window) values() []string {
	return []string{
		w.Start.String(), w.End.String(), w.Channel, w.Emoji,
		strconv.FormatInt(w.Count, 10), strconv.FormatFloat(w.Scaled, 'f', -1, 64),
	}
}

// Reaction is one reaction. Time is when it was accepted, Timestamp is what its client
// gave.
type Reaction struct {
	Time      wire.Time `json:"time" parquet:"time,timestamp(millisecond:utc),delta"`
	UserID    string    `json:"user_id" parquet:"user_id,dict"`
	Emoji     string    `json:"emoji_type" parquet:"emoji_type,dict"`
	Timestamp string    `json:"timestamp" parquet:"timestamp"`
	Channel   string    `json:"channel" parquet:"channel,dict"`
}

func (Reaction) names() []string {
	return []string{"time", "user_id", "emoji_type", "timestamp", "channel"}
}

func (r Reaction) values() []string {
	return []string{r.Time.String(), r.UserID, r.Emoji, r.Timestamp, r.Channel}
}
