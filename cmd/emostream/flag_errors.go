package main

import (
	"errors"
	"fmt"

	"github.com/emostream/emostream/loadgen"
)

// flagged writes fields that are out of bounds as the flags that set them.
func flagged(err error) error {
	var all interface{ Unwrap() []error }
	if !errors.As(err, &all) {
		return err
	}
	var errs []error
	for _, e := range all.Unwrap() {
		if out := (*loadgen.BoundsError)(nil); errors.As(e, &out) {
			e = fmt.Errorf("--%w", e)
		}
		errs = append(errs, e)
	}
	return errors.Join(errs...)
}
