package broker_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/broker"
	"github.com/emostream/emostream/internal/broker/brokertest"
)

// InspectFolder returns the state of a data folder before, while and after a broker
// uses it. It creates no folder, and leaves no file behind.
func TestLook(t *testing.T) {
	base := brokertest.Folder(t)
	dir := filepath.Join(base, "state", "emostream")
	is := func(when string, want broker.Folder) {
		t.Helper()
		got := broker.InspectFolder(dir)
		if got.Err != nil || got.Exists != want.Exists || got.Locked != want.Locked || got.Owner != want.Owner || (got.Size > 0) != want.Exists {
			t.Errorf("%s it is %+v, want %+v", when, got, want)
		}
	}
	is("before", broker.Folder{})
	if left, err := os.ReadDir(base); err != nil || len(left) > 0 {
		t.Errorf("looking left %v, %v", left, err)
	}
	b, err := broker.Open(broker.Config{Listen: "127.0.0.1:0", DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	is("held", broker.Folder{Exists: true, Locked: true, Owner: b.Addr()})
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	is("after", broker.Folder{Exists: true})
	before, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	is("again", broker.Folder{Exists: true})
	if after, err := os.ReadDir(dir); err != nil || len(after) != len(before) {
		t.Errorf("looking left %v, %v", after, err)
	}
	open(t, broker.Config{DataDir: dir}) // it can still be used
}

// InspectFolder returns an error that says why a path cannot be a data folder.
func TestLookFindsFault(t *testing.T) {
	file := filepath.Join(brokertest.Folder(t), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	newer := t.TempDir()
	if err := os.WriteFile(filepath.Join(newer, "format"), []byte("99\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	closed := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(closed, 0o500); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		dir, says string
		skip      bool
	}{
		"a file":                {file, "is not a folder", false},
		"below a file":          {filepath.Join(file, "data"), "not a ", false},
		"a newer format":        {newer, `format "99"`, false},
		"closed to this user":   {closed, "permission denied", os.Geteuid() <= 0},
		"below one that is":     {filepath.Join(closed, "data"), "permission denied", os.Geteuid() <= 0},
		"a newer one's subpath": {filepath.Join(newer, "data"), "", false},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.skip {
				t.Skip("nothing is closed to this user")
			}
			got := broker.InspectFolder(tt.dir)
			if tt.says == "" && got.Err != nil || tt.says != "" && (got.Err == nil || !strings.Contains(got.Err.Error(), tt.says)) {
				t.Errorf("it is %+v, want it to say %q", got, tt.says)
			}
		})
	}
}
