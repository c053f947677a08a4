package main

import (
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/text"
)

// logFlags are the flags of every command that logs.
type logFlags struct {
	level  string
	format string
}

func (l *logFlags) add(cmd *cobra.Command, level string) {
	fl := cmd.Flags()
	fl.Var(newEnumFlag(&l.level, level, "debug", "info", "warn", "error"), "log-level", "least level that is logged: debug, info, warn or error")
	fl.Var(newEnumFlag(&l.format, "auto", "text", "json", "auto"), "log-format", "text, json, or auto: text on a terminal, else json")
}

// logger returns a logger that writes to w. With --quiet it writes errors only.
func (l *logFlags) logger(w io.Writer) *slog.Logger {
	level := l.minLevel()
	if n, ok := w.(*quietWriter); ok && n.quiet {
		level, w = max(level, slog.LevelError), n.Writer
	}
	opts := &slog.HandlerOptions{Level: level}
	if l.format == "text" || l.format == "auto" && isTerminal(w) {
		return slog.New(slog.NewTextHandler(w, opts))
	}
	return slog.New(slog.NewJSONHandler(text.JSONWriter(w), opts))
}

// minLevel returns the lowest level that is logged.
func (l *logFlags) minLevel() slog.Level {
	var level slog.Level
	_ = level.UnmarshalText([]byte(l.level)) // the flag takes no other words
	return level
}
