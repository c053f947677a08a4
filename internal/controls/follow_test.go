package controls_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/emostream/emostream/internal/controls"
)

const (
	pausedMain = `{"kind":"channel","name":"main","state":"paused"}`
	bannedAnn  = `{"kind":"user","name":"ann","state":"banned","reason":"spam","set_by":"bob"}`
)

func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTopic()
		l.write("channel/main", pausedMain)
		l.write("channel/old", strings.ReplaceAll(pausedMain, "main", "old"))
		l.write("channel/old", "")
		f := follow(t, l)
		if !f.ready {
			t.Error("not ready though all is read")
		}
		f.has(t, controls.Channel, "main", controls.Paused)
		f.has(t, controls.Channel, "old", "")
		f.has(t, controls.User, "main", "")
		changed := f.Changed()
		l.write("user/ann", bannedAnn)
		f.has(t, controls.User, "ann", controls.Banned)
		select {
		case <-changed:
		default:
			t.Error("nobody is told of a change")
		}
		if !strings.Contains(f.log.String(), `msg="what is in force has changed" kind=user name=ann is=banned reason=spam set_by=bob changes=1`) || strings.Contains(f.log.String(), "main") {
			t.Errorf("log:\n%s", f.log.String())
		}
		changed = f.Changed()
		<-time.After(time.Minute)
		select {
		case <-changed:
			t.Error("told of a change though nothing has changed")
		default:
		}
		if diff := cmp.Diff([]controls.Control{
			{Kind: controls.Channel, Name: "main", State: controls.Paused},
			{Kind: controls.User, Name: "ann", State: controls.Banned, Reason: "spam", SetBy: "bob"},
		}, f.All(time.Now())); diff != "" {
			t.Errorf("all (-want +got):\n%s", diff)
		}
		f.stop()
		if err := <-f.ended; err != nil {
			t.Errorf("Follow = %v", err)
		}
	})
}

func TestNoTable(t *testing.T) {
	var none *controls.Table
	if c, ok := none.Get(controls.Channel, "main", time.Now()); ok || none.All(time.Now()) != nil || none.Changed() != nil || none.Size(controls.User) != 0 {
		t.Errorf("no table has %v", c)
	}
}

// What is limited in time ends by itself, and who waits is told within a second, also
// when the clock goes back.
func TestUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTopic()
		until := time.Now().Add(10 * time.Second)
		value := func(until time.Time) string {
			return fmt.Sprintf(`{"kind":"channel","name":"main","state":"paused","until":%q}`, until.UTC().Format("2006-01-02T15:04:05.000Z"))
		}
		l.write("channel/main", value(until))
		f := follow(t, l)
		<-time.After(10*time.Second - time.Millisecond)
		f.has(t, controls.Channel, "main", controls.Paused)
		changed := f.Changed()
		<-time.After(time.Millisecond)
		f.has(t, controls.Channel, "main", "")
		<-time.After(time.Second)
		synctest.Wait()
		select {
		case <-changed:
		default:
			t.Error("nobody was told that the time is over")
		}
		if len(f.All(time.Now())) != 0 {
			t.Error("it is still listed")
		}
		if !strings.Contains(f.log.String(), `name=main is=over`) {
			t.Errorf("log:\n%s", f.log.String())
		}
		l.write("channel/main", value(time.Now().Add(-time.Hour))) // from a machine whose clock is off
		f.has(t, controls.Channel, "main", "")
		l.write("channel/main", value(time.Now().Add(time.Hour)))
		f.has(t, controls.Channel, "main", controls.Paused)
	})
}

// Whoever may write to the topic can write anything. What is no control is passed over,
// counted and logged, and cannot stand for one.
func TestForgedRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTopic()
		forged := [][2]string{
			{"", pausedMain},
			{"channel", pausedMain},
			{"channel/", pausedMain},
			{"channel/other", pausedMain},
			{"user/main", pausedMain},
			{"Channel/main", pausedMain},
			{"channel/main", "x"},
			{"channel/main", "null"},
			{"channel/main", "[]"},
			{"channel/main", "{}"},
			{"channel/main", `{"kind":7}`},
			{"channel/main", `{"kind":"channel","name":"main","state":"on fire"}`},
			{"channel/main", `{"kind":"channel","name":"main","state":"banned"}`},
			{"channel/main", `{"kind":"channel","name":"main","state":"slowed"}`},
			{"channel/main", `{"kind":"channel","name":"main","state":"slowed","per_user":"1/y"}`},
			{"channel/main", `{"kind":"channel","name":"main","state":"paused","per_user":"1/s"}`},
			{"channel/main", `{"kind":"channel","name":"main","state":"paused","until":"tomorrow"}`},
			{"channel/main", `{"kind":"channel","name":"main","state":"paused","reason":"a\u001b[2J"}`},
			{"channel/main", `{"kind":"channel","name":"main","state":"paused","reason":"` + strings.Repeat("x", 201) + `"}`},
			{"channel/main", pausedMain + strings.Repeat(" ", 5000)},
			{"channel/a b", `{"kind":"channel","name":"a b","state":"paused"}`},
			{"emoji/❤", `{"kind":"emoji","name":"❤","state":"hidden"}`},
			{"emoji/x", `{"kind":"emoji","name":"x","state":"hidden"}`},
			{"user/" + strings.Repeat("x", 129), `{"kind":"user","name":"` + strings.Repeat("x", 129) + `","state":"banned"}`},
			{"room/main", ""},
			{"channel/", ""},
			{"x", ""},
			{"user/\xff", ""},
		}
		for _, r := range forged {
			l.write(r[0], r[1])
		}
		l.write("channel/stage", strings.ReplaceAll(pausedMain, "main", "stage"))
		f := follow(t, l)
		if all := f.All(time.Now()); len(all) != 1 || all[0].Name != "stage" {
			t.Errorf("in force: %v", all)
		}
		want := fmt.Sprintf("# HELP emostream_serve_skipped_records_total Records that are not ours or cannot be read, and were passed over.\n"+
			"# TYPE emostream_serve_skipped_records_total counter\nemostream_serve_skipped_records_total %d\n", len(forged))
		if err := testutil.GatherAndCompare(f.metrics, strings.NewReader(want), "emostream_serve_skipped_records_total"); err != nil {
			t.Error(err)
		}
	})
}

// A table has a bound. What is over makes way for what is not.
func TestBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTopic()
		ban := func(name string, more string) {
			l.write("user/"+name, fmt.Sprintf(`{"kind":"user","name":%q,"state":"banned"%s}`, name, more))
		}
		ban("first", `,"until":"1999-12-31T00:00:00.000Z"`)
		for i := range controls.MaxOfKind - 1 {
			ban(fmt.Sprint(i), "")
		}
		f := follow(t, l)
		ban("second", "")
		f.has(t, controls.User, "second", controls.Banned)
		ban("third", "")
		f.has(t, controls.User, "third", "")
		ban("7", `,"reason":"again"`)
		synctest.Wait()
		if c, _ := f.Get(controls.User, "7", time.Now()); c.Reason != "again" {
			t.Errorf("7 is %v", c)
		}
		if _, err := f.editor.Set(t.Context(), controls.Control{Kind: controls.User, Name: "fourth"}); !errors.Is(err, controls.ErrFull) {
			t.Errorf("Set of one more = %v", err)
		}
		l.write("user/0", "")
		synctest.Wait()
		if _, err := f.editor.Set(t.Context(), controls.Control{Kind: controls.User, Name: "fourth"}); err != nil {
			t.Errorf("Set where one has ended = %v", err)
		}
	})
}

// When the topic is deleted and made anew, nothing of the old one is in force.
func TestTopicMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTopic()
		l.write("channel/main", pausedMain)
		f := follow(t, l)
		f.has(t, controls.Channel, "main", controls.Paused)
		changed := f.Changed()
		l.anew()
		<-time.After(2 * time.Second)
		f.has(t, controls.Channel, "main", "")
		<-changed
		l.write("user/ann", bannedAnn)
		f.has(t, controls.User, "ann", controls.Banned)
	})
}

// However much is written to the topic, the log has a line a second.
func TestLogIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTopic()
		f := follow(t, l)
		<-time.After(time.Second)
		for range 1000 {
			l.write("channel/main", pausedMain)
			l.write("channel/main", "")
		}
		<-time.After(2 * time.Second)
		synctest.Wait()
		if n := strings.Count(f.log.String(), "\n"); n != 2 || !strings.Contains(f.log.String(), "is=ended changes=1999") {
			t.Errorf("%d lines:\n%s", n, f.log.String())
		}
	})
}

// What has ended while nobody followed the topic is in force no more when it is followed
// again, though compaction has removed the records that ended it. The rest stays in force
// meanwhile.
func TestFollowedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTopic()
		l.write("channel/main", pausedMain)
		l.write("user/ann", bannedAnn)
		f := follow(t, l)
		f.stop()
		if err := <-f.ended; err != nil {
			t.Fatal(err)
		}
		l.write("channel/main", "")
		l.forget()
		l.goAway(true)
		changed := f.Changed()
		f.again(t, l, nil)
		f.has(t, controls.Channel, "main", controls.Paused)
		f.has(t, controls.User, "ann", controls.Banned)
		l.goAway(false)
		f.has(t, controls.Channel, "main", "")
		f.has(t, controls.User, "ann", controls.Banned)
		<-changed
		if f.Size(controls.Channel) != 0 || !f.ready {
			t.Errorf("%d channels, ready %t", f.Size(controls.Channel), f.ready)
		}
	})
}

// After an outage in which such a record may be gone the topic must be read again. After a
// shorter one it goes on.
func TestAwayForLong(t *testing.T) {
	for away, want := range map[time.Duration]error{59 * time.Minute: nil, 61 * time.Minute: controls.ErrAway} {
		t.Run(away.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newTopic()
				l.write("channel/main", pausedMain)
				f := follow(t, l)
				<-time.After(2 * time.Hour) // nothing happens, which is no outage
				l.goAway(true)
				l.write("user/ann", bannedAnn)
				<-time.After(away)
				l.goAway(false)
				synctest.Wait()
				if want == nil {
					f.has(t, controls.User, "ann", controls.Banned)
					f.stop()
				}
				if err := <-f.ended; !errors.Is(err, want) {
					t.Errorf("Follow = %v, want %v", err, want)
				}
				f.has(t, controls.Channel, "main", controls.Paused)
			})
		})
	}
}
