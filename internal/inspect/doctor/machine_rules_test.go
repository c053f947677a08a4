package doctor_test

import (
	"errors"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/broker"
	"github.com/emostream/emostream/internal/inspect/doctor"
)

func TestClock(t *testing.T) {
	for name, tt := range map[string]struct {
		ahead time.Duration
		says  string
		want  []string
	}{
		"right":            {3 * time.Millisecond, "ahead of the brokers'", nil},
		"as far as it may": {-2 * time.Second, "2s behind the brokers'", nil},
		"ahead":            {2001 * time.Millisecond, "2s ahead of the brokers'", []string{"wrong clock"}},
		"behind":           {-30 * time.Second, "30s behind the brokers'", []string{"wrong clock"}},
	} {
		t.Run(name, func(t *testing.T) { check(t, doctor.Clock(tt.ahead, 2*time.Second), tt.says, tt.want...) })
	}
}

func TestFiles(t *testing.T) {
	for name, tt := range map[string]struct {
		limit int64
		says  string
		want  []string
	}{
		"just enough": {1200, "1200, enough for 1000 clients", nil},
		"too few":     {1199, "a process may have 1199, and 1000 clients need 1200", []string{"wrong open files"}},
		"not known":   {0, "this system does not tell", []string{"skipped open files"}},
	} {
		t.Run(name, func(t *testing.T) { check(t, doctor.Files(tt.limit, 1000), tt.says, tt.want...) })
	}
}

func TestFolder(t *testing.T) {
	const gib = 1 << 30
	there := broker.Folder{Exists: true, Size: 3 << 20}
	held := func(owner string) broker.Folder {
		return broker.Folder{Exists: true, Size: 3 << 20, Locked: true, Owner: owner}
	}
	for name, tt := range map[string]struct {
		data doctor.Data
		says string
		want []string
	}{
		"there":               {doctor.Data{Folder: there, Free: 20 * gib}, "/d: 3 MiB of log, 20 GiB free", nil},
		"not yet":             {doctor.Data{Free: 20 * gib}, "it will be made", nil},
		"room not known":      {doctor.Data{Folder: there, Free: -1}, "writable", nil},
		"cannot be used":      {doctor.Data{Folder: broker.Folder{Err: errors.New("no way")}, Free: gib}, "no way", []string{"wrong data folder"}},
		"of a newer format":   {doctor.Data{Folder: broker.Folder{Err: &broker.FormatError{Dir: "log", Format: "2"}}, Free: gib}, `log has format "2" and this emostream reads up to 1: use the newer emostream, or give another --data-dir`, []string{"wrong data folder"}},
		"ours":                {doctor.Data{Folder: held("h:1"), Free: gib, Brokers: []string{"x:2", "h:1"}}, "in use by this broker", nil},
		"ours, by name":       {doctor.Data{Folder: held("127.0.0.1:1"), Free: gib, Brokers: []string{"localhost:1"}}, "in use by this broker", nil},
		"of another port":     {doctor.Data{Wanted: true, Folder: held("127.0.0.1:1"), Free: gib, Brokers: []string{"localhost:2"}}, "serves 127.0.0.1:1", []string{"wrong data folder"}},
		"another's, as asked": {doctor.Data{Wanted: true, Folder: held("h:1"), Free: gib, Brokers: []string{"x:2"}}, "in use by the emostream that serves h:1", []string{"wrong data folder"}},
		"another's":           {doctor.Data{Folder: held("h:1"), Free: gib, Brokers: []string{"x:2"}}, "in use by the emostream that serves h:1", []string{"note data folder"}},
		"another's, alone":    {doctor.Data{Folder: held("h:1"), Free: gib}, "--brokers h:1", []string{"wrong data folder"}},
		"nobody knows whose":  {doctor.Data{Folder: held(""), Free: gib}, "in use by another process", []string{"wrong data folder"}},
		"of an older version": {doctor.Data{Folder: held(""), Free: gib, Brokers: []string{"x:2"}}, "", nil},
		"nearly full":         {doctor.Data{Folder: there, Free: 127 << 20}, "127 MiB are free", []string{"wrong data folder"}},
		"room for less":       {doctor.Data{Folder: there, Free: 900 << 20}, "the log grows to 1024 MiB", []string{"note data folder"}},
		"room with its log":   {doctor.Data{Folder: broker.Folder{Exists: true, Size: 800 << 20}, Free: 300 << 20}, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			tt.data.Dir = "/d"
			check(t, doctor.Folder(tt.data), tt.says, tt.want...)
		})
	}
}

func TestTerminal(t *testing.T) {
	good := doctor.Screen{Terminal: true, Name: "xterm-256color", Colours: "256", UTF8: true, Width: 80, Height: 24}
	for name, tt := range map[string]struct {
		change func(*doctor.Screen)
		says   string
		want   []string
	}{
		"a good one": {func(*doctor.Screen) {}, "xterm-256color, 80x24, UTF-8, 256 colours", nil},
		"none":       {func(s *doctor.Screen) { *s = doctor.Screen{} }, "this is none", nil},
		"dumb":       {func(s *doctor.Screen) { s.Name = "dumb" }, `TERM is "dumb"`, []string{"note terminal"}},
		"nameless":   {func(s *doctor.Screen) { s.Name = "" }, `TERM is ""`, []string{"note terminal"}},
		"narrow":     {func(s *doctor.Screen) { s.Width = 39 }, "39x24 is smaller than 40x12", []string{"note terminal"}},
		"low":        {func(s *doctor.Screen) { s.Height = 11 }, "80x11 is smaller than 40x12", []string{"note terminal"}},
		"smallest":   {func(s *doctor.Screen) { s.Width, s.Height = 40, 12 }, "40x12", nil},
		"Latin":      {func(s *doctor.Screen) { s.UTF8 = false }, "its locale is not UTF-8", []string{"note terminal"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := good
			tt.change(&s)
			check(t, doctor.Terminal(s), tt.says, tt.want...)
		})
	}
}

func TestSettings(t *testing.T) {
	slip := doctor.Setting{Found: "EMOSTREAM_BROKER sets nothing", Harmless: true}
	for name, tt := range map[string]struct {
		file     string
		problems []doctor.Setting
		says     string
		want     []string
	}{
		"none":              {"", nil, "no settings file", nil},
		"a good file":       {"mine.yaml", nil, "mine.yaml", nil},
		"a slip":            {"", []doctor.Setting{slip}, "it is not obeyed", []string{"note environment"}},
		"a file with two":   {"mine.yaml", []doctor.Setting{{Found: "line 3"}, {Found: "line 5"}}, "line 5", []string{"wrong settings", "wrong settings"}},
		"a file and a slip": {"mine.yaml", []doctor.Setting{{Found: "line 3"}, slip}, "", []string{"wrong settings", "note environment"}},
	} {
		t.Run(name, func(t *testing.T) { check(t, doctor.Settings(tt.file, tt.problems), tt.says, tt.want...) })
	}
}
