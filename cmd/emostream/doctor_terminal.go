package main

import (
	"os"
	"strings"

	"github.com/charmbracelet/colorprofile"
	"golang.org/x/term"

	"github.com/emostream/emostream/internal/inspect/doctor"
)

// terminalOf says what the terminal on stdout can do.
func terminalOf(io streams) doctor.Screen {
	out, ok := io.out.(*os.File)
	if !ok || !isTerminal(out) {
		return doctor.Screen{}
	}
	s := doctor.Screen{Terminal: true, Name: os.Getenv("TERM"), Colours: "no", UTF8: utf8Locale(os.Getenv)}
	s.Width, s.Height, _ = term.GetSize(int(out.Fd())) // 0 if not known, which is reported as too small
	switch colorprofile.Detect(out, os.Environ()) {
	case colorprofile.TrueColor:
		s.Colours = "16 million"
	case colorprofile.ANSI256:
		s.Colours = "256"
	case colorprofile.ANSI:
		s.Colours = "16"
	case colorprofile.Unknown, colorprofile.NoTTY, colorprofile.ASCII:
	}
	return s
}

// utf8Locale says whether the environment asks for UTF-8. The first variable that is set
// decides. Windows has none of them and is taken to use UTF-8.
func utf8Locale(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToUpper(getenv(name)); v != "" {
			return strings.Contains(v, "UTF-8") || strings.Contains(v, "UTF8")
		}
	}
	return getenv("OS") == "Windows_NT"
}
