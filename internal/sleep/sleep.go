// Package sleep waits for time to pass, and no longer than a context allows.
package sleep

import (
	"context"
	"time"
)

// For waits for d. The error is that of ctx if ctx ends before, or had ended already.
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

// Until waits until the moment t, in the way of For.
func Until(ctx context.Context, t time.Time) error { return For(ctx, time.Until(t)) }
