package controls_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/controls"
	"github.com/emostream/emostream/internal/quota"
)

func paused(name string) controls.Control {
	return controls.Control{Kind: controls.Channel, Name: name, State: controls.Paused}
}

// Who sets or ends something is answered when it is in force, and told what was before.
func TestSetAndRemove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTopic()
		f, other := follow(t, l), follow(t, l)
		set := func(f *following, c controls.Control, want controls.State) {
			t.Helper()
			before, err := f.editor.Set(t.Context(), c)
			if err != nil || before.State != want {
				t.Errorf("Set %v = %v, %v, want %q before", c, before, err, want)
			}
		}
		set(f, paused("main"), "")
		f.has(t, controls.Channel, "main", controls.Paused)
		other.has(t, controls.Channel, "main", controls.Paused)
		slowed := controls.Control{Kind: controls.Channel, Name: "main", State: controls.Slowed, PerUser: quota.Rate{PerSecond: 0.5, Burst: 3}, Reason: "calm", Until: time.Now().Add(time.Hour)}
		set(other, slowed, controls.Paused)
		synctest.Wait()
		if c, _ := f.Get(controls.Channel, "main", time.Now()); c.PerUser != slowed.PerUser || c.Reason != "calm" || !c.Until.Equal(slowed.Until) {
			t.Errorf("slowed is %+v", c)
		}
		set(f, controls.Control{Kind: controls.Emoji, Name: "❤"}, "")
		f.has(t, controls.Emoji, "❤️", controls.Hidden)
		<-time.After(2 * time.Hour)
		set(f, paused("main"), "") // what is over was not in force
		for i, want := range []controls.State{controls.Hidden, ""} {
			if before, err := other.editor.Remove(t.Context(), controls.Emoji, ":heart:"); err != nil || before.State != want {
				t.Errorf("Remove %d = %v, %v, want %q", i, before, err, want)
			}
		}
		f.has(t, controls.Emoji, "❤️", "")
		if _, err := f.editor.Set(t.Context(), controls.Control{Kind: "room"}); err == nil {
			t.Error("another kind can be set")
		}
		if _, err := f.editor.Remove(t.Context(), controls.Emoji, "x"); err == nil {
			t.Error("what is no emoji can be removed")
		}
	})
}

// An editor whose table is behind ends what the table has not read yet.
func TestRemoveWhatIsNotReadYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTopic()
		f := follow(t, l)
		l.meanwhile = func() { l.write("channel/main", pausedMain) }
		if before, err := f.editor.Remove(t.Context(), controls.Channel, "main"); err != nil || before.State != controls.Paused {
			t.Errorf("Remove = %v, %v", before, err)
		}
		f.has(t, controls.Channel, "main", "")
	})
}

func TestWritesThatFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTopic()
		f := follow(t, l)
		l.broken = errBroken
		if _, err := f.editor.Set(t.Context(), paused("main")); !errors.Is(err, errBroken) {
			t.Errorf("Set = %v", err)
		}
		f.has(t, controls.Channel, "main", "")
		l.broken = nil
		f.stop() // nobody reads what is written
		if err := <-f.ended; err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := f.editor.Set(ctx, paused("main")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Set = %v", err)
		}
	})
}

// What is over is ended in the topic, so that compaction removes it. Nothing else is.
func TestSweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTopic()
		f := follow(t, l)
		short := paused("short")
		short.Until = time.Now().Add(time.Minute)
		for _, c := range []controls.Control{paused("main"), short} {
			if _, err := f.editor.Set(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		sweep := func(want int) {
			t.Helper()
			if n, err := f.editor.Sweep(t.Context(), time.Now()); n != want || err != nil {
				t.Errorf("Sweep = %d, %v, want %d", n, err, want)
			}
			synctest.Wait()
		}
		sweep(0)
		<-time.After(time.Minute)
		sweep(1)
		sweep(0)
		l.compact()
		f = follow(t, l)
		f.has(t, controls.Channel, "main", controls.Paused)
		sweep(0)
	})
}

// A control that is set anew while the end of the one before is on the way stays in force,
// also after compaction and a restart.
func TestSetAnewBesideASweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTopic()
		f, other := follow(t, l), follow(t, l)
		short := paused("main")
		short.Until = time.Now().Add(time.Minute)
		if _, err := f.editor.Set(t.Context(), short); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute)
		l.meanwhile = func() {
			if _, err := other.editor.Set(t.Context(), controls.Control{Kind: controls.Channel, Name: "main", State: controls.Closed, Reason: "the end"}); err != nil {
				t.Error(err)
			}
		}
		if n, err := f.editor.Sweep(t.Context(), time.Now()); n != 1 || err != nil {
			t.Errorf("Sweep = %d, %v", n, err)
		}
		f.has(t, controls.Channel, "main", controls.Closed)
		other.has(t, controls.Channel, "main", controls.Closed)
		if n, err := f.editor.Sweep(t.Context(), time.Now()); n != 1 || err != nil {
			t.Errorf("the next Sweep = %d, %v", n, err)
		}
		synctest.Wait()
		if n, err := f.editor.Sweep(t.Context(), time.Now()); n != 0 || err != nil {
			t.Errorf("the one after = %d, %v", n, err)
		}
		l.compact()
		restarted := follow(t, l)
		restarted.has(t, controls.Channel, "main", controls.Closed)
		if c, _ := restarted.Get(controls.Channel, "main", time.Now()); c.Reason != "the end" {
			t.Errorf("it is %v", c)
		}
	})
}
