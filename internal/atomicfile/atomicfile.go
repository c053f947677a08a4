// Package atomicfile writes files that are there whole or not at all, whenever the
// process is killed.
package atomicfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Write writes a file that everybody may read. It writes it beside its place, under
// a name that ends in .tmp, and moves it there once it is whole. When write fails,
// what was at the place before is there still.
func Write(path string, write func(io.Writer) error) error {
	return writeAs(path, 0o644, write)
}

// WriteBytes writes a file with the given permissions in the way of Write.
func WriteBytes(path string, content []byte, perm fs.FileMode) error {
	return writeAs(path, perm, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

func writeAs(path string, perm fs.FileMode, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
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
	if err = errors.Join(err, w.Flush(), f.Chmod(perm), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
