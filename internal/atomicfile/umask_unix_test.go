//go:build unix

package atomicfile_test

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/emostream/emostream/internal/atomicfile"
)

// A new file has the permissions that the umask leaves. A file that was there before
// keeps its own. The umask belongs to the whole process, so nothing runs beside this.
func TestPermissions(t *testing.T) {
	for name, tt := range map[string]struct {
		umask        int
		before, want fs.FileMode // before: 0 if there is no file
	}{
		"the usual umask":         {0o022, 0, 0o644},
		"no umask":                {0, 0, 0o644},
		"group may read":          {0o027, 0, 0o640},
		"nobody else may read":    {0o077, 0, 0o600},
		"a private file before":   {0o022, 0o600, 0o600},
		"a shared file before":    {0o077, 0o664, 0o664},
		"a read-only file before": {0o022, 0o444, 0o444},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "export.csv")
			if tt.before != 0 {
				if err := os.WriteFile(path, nil, 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(path, tt.before); err != nil {
					t.Fatal(err)
				}
			}
			old := syscall.Umask(tt.umask)
			err := atomicfile.Write(path, func(w io.Writer) error {
				_, err := io.WriteString(w, "new")
				return err
			})
			syscall.Umask(old)
			if err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(path)
			if err != nil || info.Mode() != tt.want {
				t.Errorf("its mode is %v, want %v (%v)", info.Mode(), tt.want, err)
			}
		})
	}
}
