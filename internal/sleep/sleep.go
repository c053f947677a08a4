// Package sleep waits for a time, or until a context ends.
package sleep

import (
	"context"
	"time"
)

// For waits for d. If ctx ends before that, or has already ended, it returns the error
// of ctx.
func For(ctx context.Context, d time.Duration) error {
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// Until waits until t, as For does.
func Until(ctx context.Context, t time.Time) error { return For(ctx, time.Until(t)) }
