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
)

// format is the version of a data folder's layout.
const format = 1

// Files of a data folder, beside the log.
const (
	lockFile   = "lock"
	formatFile = "format"
	ownerFile  = "owner" // the address of the broker that holds, or last held, the lock
)

// ErrLocked says that another process uses the data folder.
var ErrLocked = errors.New("data folder is in use by another emostream")

// claim makes dir this process's own, or says why that cannot be.
func (b *Broker) claim(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	b.lock = flock.New(filepath.Join(dir, lockFile))
	ok, err := b.lock.TryLock()
	if err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	if !ok {
		return fmt.Errorf("%s: %w: stop that one, or give another --data-dir", dir, ErrLocked)
	}
	known, err := checkFormat(dir)
	if err == nil && !known {
		err = replace(filepath.Join(dir, formatFile), []byte(strconv.Itoa(format)+"\n"))
	}
	return err
}

// sign leaves the broker's address in the folder that it holds.
func (b *Broker) sign() error {
	if b.cfg.DataDir == "" {
		return nil
	}
	if err := replace(filepath.Join(b.cfg.DataDir, ownerFile), []byte(b.addr+"\n")); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	return nil
}

// checkFormat says whether a folder tells its format, and fails for one that this
// program does not read.
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
		return true, fmt.Errorf("%s has format %.20q and this emostream reads up to %d: use the newer emostream, or give another --data-dir", dir, have, format)
	}
	return true, nil
}

// size is how many bytes the log in a data folder takes.
func size(dir string) int64 {
	n := int64(0)
	_ = filepath.WalkDir(filepath.Join(dir, "log"), func(_ string, file fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // files come and go
		}
		if info, err := file.Info(); err == nil && info.Mode().IsRegular() {
			n += info.Size()
		}
		return nil
	})
	return n
}

// Folder is a data folder as it is found.
type Folder struct {
	Exists bool
	Locked bool
	Owner  string // the address of the broker that has locked it, if that is known
	Size   int64  // of the log, in bytes
	// Err is why a broker could not use it, apart from the lock.
	Err error
}

// Look tells how a data folder is. It makes none, and leaves nothing in it.
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
	f.Size = size(dir)
	if _, f.Err = checkFormat(dir); f.Err != nil {
		return f
	}
	f.Locked, f.Err = locked(filepath.Join(dir, lockFile))
	if text, err := os.ReadFile(filepath.Join(dir, ownerFile)); err == nil && f.Locked {
		f.Owner = strings.TrimSpace(string(text))
	}
	return f
}

// writable makes a file in a folder and takes it away again.
func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".emostream-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// locked says whether a process holds a lock. To ask, it is shared for a moment.
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
