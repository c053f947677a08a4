// Package atomicfile writes files that exist whole or not at all, even if the process
// is killed.
package atomicfile

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Write writes a file with the permissions that a new file has by the process's umask, at
// most those of reading for all. A file that was there before keeps its permissions.
// Write writes into a file beside it, whose name ends in .tmp, and renames that once it
// is whole. If write fails, the file that was at path before is still there.
func Write(path string, write func(io.Writer) error) error {
	return writeAs(path, 0o644, write)
}

// WriteBytes writes content as Write does, into a file that gets the given permissions,
// less those of the umask, when it is new.
func WriteBytes(path string, content []byte, perm fs.FileMode) error {
	return writeAs(path, perm, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

func writeAs(path string, perm fs.FileMode, write func(io.Writer) error) (err error) {
	before, statErr := os.Stat(path)
	kept := statErr == nil && before.Mode().IsRegular()
	if kept {
		perm = before.Mode().Perm()
	}
	f, err := create(path, perm)
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		err = of.Err // without the name of the file beside it
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("the folder %s is missing (%w)", filepath.Dir(path), err)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", path, errors.Join(err, os.Remove(f.Name())))
		}
	}()
	w := bufio.NewWriter(f)
	err = write(w)
	if kept {
		err = errors.Join(err, f.Chmod(perm)) // what the umask took off
	}
	if err = errors.Join(err, w.Flush(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// create creates a file with a new name beside path. The system takes the umask off its
// permissions, which it would not with os.CreateTemp and a later Chmod.
func create(path string, perm fs.FileMode) (*os.File, error) {
	for {
		name := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+rand.Text()+".tmp")
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}
