package broker

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
)

// Folder is the state of a data folder.
type Folder struct {
	Exists bool
	Locked bool
	Owner  string // the address of the broker that has locked it; empty: not known
	Size   int64  // of the log, in bytes
	// Err says why a broker could not use the folder, apart from the lock.
	Err error
}

// InspectFolder returns the state of a data folder. It creates no folder, and leaves no
// file behind.
func InspectFolder(dir string) Folder {
	there := dir
	for {
		info, err := os.Stat(there)
		if err == nil && !info.IsDir() {
			return Folder{Err: fmt.Errorf("%s is not a folder", there)}
		}
		if up := filepath.Dir(there); err != nil && errors.Is(err, fs.ErrNotExist) && up != there {
			there = up
			continue
		}
		if err != nil {
			return Folder{Err: err}
		}
		break
	}
	f := Folder{Exists: there == dir, Err: writable(there)}
	if !f.Exists || f.Err != nil {
		return f
	}
	f.Size = logSize(dir)
	if _, f.Err = checkFormat(dir); f.Err != nil {
		return f
	}
	f.Locked, f.Err = locked(filepath.Join(dir, lockFile))
	if text, err := os.ReadFile(filepath.Join(dir, ownerFile)); err == nil && f.Locked {
		f.Owner = strings.TrimSpace(string(text))
	}
	return f
}

// writable creates a file in a folder and removes it. It returns an error if that
// fails.
func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".emostream-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// locked says whether a process holds the lock of a file. It takes a shared lock for a
// moment to find out.
func locked(path string) (bool, error) {
	if _, err := os.Stat(path); err != nil {
		return false, nil //nolint:nilerr // nobody has ever locked it
	}
	lock := flock.New(path)
	free, err := lock.TryRLock()
	if err != nil {
		return false, err
	}
	return !free, lock.Unlock()
}
