package atomicfile_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/atomicfile"
)

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "report")
	full := errors.New("the disk is full")
	for name, test := range map[string]struct {
		fails error
		want  string
	}{
		"whole":       {nil, "new"},
		"not at all":  {full, "old"},
		"whole again": {nil, "new"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
			err := atomicfile.Write(path, func(w io.Writer) error {
				_, err := io.WriteString(w, "new")
				return errors.Join(err, test.fails)
			})
			if !errors.Is(err, test.fails) || err == nil && test.fails != nil {
				t.Errorf("Write = %v, want %v", err, test.fails)
			}
			got, err := os.ReadFile(path)
			if err != nil || string(got) != test.want {
				t.Errorf("it holds %q, want %q (%v)", got, test.want, err)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
				t.Errorf("beside it there are %v (%v)", left, err)
			}
		})
	}
	nowhere, below := filepath.Join(dir, "none", "report"), filepath.Join(path, "report")
	for at, want := range map[string]string{
		nowhere: "write " + nowhere + ": the folder " + filepath.Dir(nowhere) + " is missing (",
		below:   "write " + below + ": ",
	} {
		err := atomicfile.Write(at, nil)
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), ".tmp") || at == nowhere && !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestWriteBytes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "owner")
	for _, want := range []string{"first", "second"} {
		if err := atomicfile.WriteBytes(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("it holds %q, want %q (%v)", got, want, err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("its mode is %v (%v)", info.Mode(), err)
	}
}
