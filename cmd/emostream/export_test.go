package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"
)

// An interrupted export says that its table is not complete.
func TestExportInterrupted(t *testing.T) {
	c, addr := withTopics(t)
	large := strings.Repeat("t", 100_000)
	for range 30 { // more records than one fetch returns
		write(t.Context(), t, c, 0, `{"user_id":"u","emoji_type":"🔥","timestamp":"`+large+`"}`)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out := &outputWatcher{want: "ttt", done: cancel}
	var errs bytes.Buffer
	code := execute(ctx, streams{out: out, err: &errs}, []string{"export", "--what", "reactions", "--brokers", addr})
	if code != exitInterrupted || ctx.Err() != context.Canceled || errs.String() != "interrupted: the table is not whole\n" {
		t.Errorf("exit code %d, %v, on stderr %q", code, ctx.Err(), errs.String())
	}
	if n := strings.Count(out.String(), "\n"); n == 0 || n >= 30 {
		t.Errorf("%d rows, want some", n)
	}
}
