// Package atomicfile writes files that exist whole or not at all, even if the process
// is killed.
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

// Write writes a file that everybody may read. It writes into a file beside it, whose
// name ends in .tmp, and renames that once it is whole. If write fails, the file that
// was at path before is still there.
func Write(path string, write func(io.Writer) error) error {
	return writeAs(path, 0o644, write)
}

// WriteBytes writes content into a file with the given permissions, as Write does.
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
