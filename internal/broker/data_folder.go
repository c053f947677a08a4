package broker

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"

	"github.com/emostream/emostream/internal/atomicfile"
)

// format is the version of a data folder's layout.
const format = 1

// Files of a data folder, beside the log.
const (
	lockFile   = "lock"
	formatFile = "format"
	ownerFile  = "owner" // the address of the broker that holds, or last held, the lock
)

// LockedError says that another process uses the data folder.
type LockedError struct{ Dir string }

func (e *LockedError) Error() string {
	return e.Dir + ": data folder is in use by another emostream"
}

// FormatError says that this program cannot read the format of a data folder.
type FormatError struct {
	Dir    string
	Format string // as it stands in the folder
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("%s has format %.20q and this emostream reads up to %d", e.Dir, e.Format, format)
}

// FolderError says that a data folder cannot be made or used.
type FolderError struct{ Err error }

func (e *FolderError) Error() string { return fmt.Sprintf("data folder: %v", e.Err) }
func (e *FolderError) Unwrap() error { return e.Err }

// lockFolder makes and locks a data folder, and checks its format.
func (b *Broker) lockFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return &FolderError{err}
	}
	b.lock = flock.New(filepath.Join(dir, lockFile))
	ok, err := b.lock.TryLock()
	if err != nil {
		return &FolderError{err}
	}
	if !ok {
		return &LockedError{dir}
	}
	known, err := checkFormat(dir)
	if err == nil && !known {
		err = atomicfile.WriteBytes(filepath.Join(dir, formatFile), []byte(strconv.Itoa(format)+"\n"), 0o600)
	}
	return err
}

// writeOwner writes the broker's address into the folder that it has locked.
func (b *Broker) writeOwner() error {
	if b.cfg.DataDir == "" {
		return nil
	}
	if err := atomicfile.WriteBytes(filepath.Join(b.cfg.DataDir, ownerFile), []byte(b.addr+"\n"), 0o600); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	return nil
}

// checkFormat returns whether a folder says which format it has. It returns a
// FormatError if this program cannot read that format.
func checkFormat(dir string) (known bool, err error) {
	text, err := os.ReadFile(filepath.Join(dir, formatFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("data folder: %w", err)
	}
	have := strings.TrimSpace(string(text))
	if n, err := strconv.Atoi(have); err != nil || n > format {
		return true, &FormatError{dir, have}
	}
	return true, nil
}
