package sleep_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/sleep"
)

func TestSleepLastsUntilTheTimeOrTheContext(t *testing.T) {
	for name, test := range map[string]struct {
		asked, context time.Duration // context 0: it has ended already
		want           time.Duration
		err            error
	}{
		"the time passes first":        {asked: time.Second, context: 2 * time.Second, want: time.Second},
		"the context ends first":       {asked: 2 * time.Second, context: time.Second, want: time.Second, err: context.DeadlineExceeded},
		"the context had ended":        {asked: time.Second, err: context.DeadlineExceeded},
		"no time":                      {context: time.Second},
		"a moment that has passed":     {asked: -time.Second, context: time.Second},
		"no time in an ended context":  {err: context.DeadlineExceeded},
		"past, and the context is too": {asked: -time.Second, err: context.DeadlineExceeded},
	} {
		for how, wait := range map[string]func(context.Context, time.Duration) error{
			"for":   sleep.For,
			"until": func(ctx context.Context, d time.Duration) error { return sleep.Until(ctx, time.Now().Add(d)) },
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithTimeout(t.Context(), test.context)
					defer cancel()
					began := time.Now()
					if err := wait(ctx, test.asked); !errors.Is(err, test.err) {
						t.Errorf("got error %v, want %v", err, test.err)
					}
					if took := time.Since(began); took != test.want {
						t.Errorf("it took %v, want %v", took, test.want)
					}
				})
			})
		}
	}
}
