package fanout_test

import (
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server/fanout"
)

// A listener that comes back to another server goes on where it left the first.
func TestResumeAtAnotherServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newTopic()
		first := start(t, log, fanout.Config{})
		l := first.listen(t, "/v1/swarm", "")
		log.publish(windowsOf(1, 3)...)
		l.hears(t, "retry:2000 1=1 2=2 3=3")
		first.stop()
		l.heard()
		log.publish(windowsOf(4, 6)...)
		second := start(t, log, fanout.Config{})
		second.listen(t, "/v1/swarm", strconv.Itoa(epoch+2000*3)).hears(t, "retry:2000 4=4 5=5 6=6")
	})
}

// A listener that comes back is sent all newer windows, and those of the ten seconds
// before that were revised, or sent after a newer one.
func TestResume(t *testing.T) {
	id := func(n int) string { return strconv.Itoa(epoch + 2000*n) }
	history := append(windowsOf(1, 9), swarm(2, 20), swarm(4, 40), swarm(9, 90), swarm(8, 80))
	history = append(history, swarm(11, 11), swarm(10, 10)) // 10 comes late
	for name, tt := range map[string]struct{ last, want string }{
		"without an id":            {"", "11=11"},
		"the newest":               {id(11), "8=80* 9=90* 10=10*"},
		"one before":               {id(10), "8=80* 9=90* 10=10* 11=11"},
		"some before":              {id(8), "4=40* 8=80* 9=90 10=10 11=11"},
		"eleven seconds after 4":   {strconv.Itoa(epoch + 2000*4 + 11_000), "8=80* 9=90* 10=10 11=11"},
		"between windows":          {strconv.Itoa(epoch + 2000*8 + 1), "4=40* 8=80* 9=90 10=10 11=11"},
		"the oldest":               {id(1), "2=20 3=3 4=40 5=5 6=6 7=7 8=80 9=90 10=10 11=11"},
		"before the oldest":        {id(-100), "1=1 2=20 3=3 4=40 5=5 6=6 7=7 8=80 9=90 10=10 11=11"},
		"zero":                     {"0", "1=1 2=20 3=3 4=40 5=5 6=6 7=7 8=80 9=90 10=10 11=11"},
		"of another time":          {id(5000), "11=11*"},
		"the greatest number":      {"9223372036854775807", "11=11*"},
		"no number":                {"yesterday", "11=11"},
		"a number and more":        {id(10) + " ", "8=80* 9=90* 10=10* 11=11"}, // white space around a header does not belong to its value
		"a fraction":               {id(10) + ".5", "11=11"},
		"below zero":               {"-1", "11=11"},
		"the smallest number":      {"-9223372036854775808", "11=11"},
		"beyond all numbers":       {"92233720368547758080", "11=11"},
		"something very different": {"<script>", "11=11"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := newTopic()
				log.publish(history...)
				l := start(t, log, fanout.Config{}).listen(t, "/v1/swarm", tt.last)
				l.hears(t, "retry:2000 "+tt.want)
				log.publish(swarm(12, 12))
				l.hears(t, "12=12")
			})
		})
	}
}

// A client that opens a stream anew, and so cannot set a header, says in the query what
// it has seen. The header, which is newer, wins.
func TestResumeByQuery(t *testing.T) {
	id := func(n int) string { return strconv.Itoa(epoch + 2000*n) }
	for name, tt := range map[string]struct{ path, header, want string }{
		"last_event_id":             {"/v1/swarm?last_event_id=" + id(3), "", "4=4 5=5"},
		"lastEventId":               {"/v1/swarm?lastEventId=" + id(3), "", "4=4 5=5"},
		"with a channel":            {"/v1/swarm?channel=main&last_event_id=" + id(3), "", "4=4 5=5"},
		"both, the first of them":   {"/v1/swarm?lastEventId=" + id(1) + "&last_event_id=" + id(3), "", "4=4 5=5"},
		"the header is newer":       {"/v1/swarm?last_event_id=" + id(1), id(4), "5=5"},
		"the header is no id":       {"/v1/swarm?last_event_id=" + id(3), "x", "5=5"},
		"the newest":                {"/v1/swarm?last_event_id=" + id(5), "", ""},
		"zero":                      {"/v1/swarm?last_event_id=0", "", "1=1 2=2 3=3 4=4 5=5"},
		"empty":                     {"/v1/swarm?last_event_id=", "", "5=5"},
		"empty, and another":        {"/v1/swarm?last_event_id=&lastEventId=" + id(3), "", "4=4 5=5"},
		"no number":                 {"/v1/swarm?last_event_id=undefined", "", "5=5"},
		"below zero":                {"/v1/swarm?last_event_id=-1", "", "5=5"},
		"beyond all numbers":        {"/v1/swarm?last_event_id=92233720368547758080", "", "5=5"},
		"of another installation":   {"/v1/swarm?last_event_id=" + id(5000), "", "5=5*"},
		"of single emojis, no more": {"/sub1?last_event_id=" + id(3), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := newTopic()
				log.publish(windowsOf(1, 5)...)
				in := start(t, log, fanout.Config{})
				in.listen(t, tt.path, tt.header).hears(t, strings.TrimSpace("retry:2000 "+tt.want))
			})
		})
	}
}

// A listener may come before the recent windows are read. It is sent keep-alives until
// they are, and then what it missed. It is sent nothing that it saw before, and no old
// window as if it were new.
func TestListenersWaitForTheRing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newTopic()
		log.held = true
		for _, s := range windowsOf(1, 4) {
			s.Emojis = []wire.EmojiCount{{Emoji: "🔥", Count: 1, Scaled: 1}}
			log.publish(s)
		}
		in := start(t, log, fanout.Config{KeepAlive: 15 * time.Second})
		fresh, back, singles := in.listen(t, "/v1/swarm", ""), in.listen(t, "/v1/swarm", strconv.Itoa(epoch+2000*2)), in.listen(t, "/sub1", "")
		pass(20 * time.Second)
		for _, l := range []*listener{fresh, back, singles} {
			l.hears(t, "retry:2000 :")
		}
		if status, _, body := in.get(t, http.MethodGet, "/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, "sub_1 are not read yet") {
			t.Errorf("/readyz answered %d %s", status, body)
		}
		log.change(func() { log.held = false })
		fresh.hears(t, "4=4")
		back.hears(t, "3=3 4=4")
		singles.hears(t, "")
		if status, _, body := in.get(t, http.MethodGet, "/readyz"); status != http.StatusOK {
			t.Errorf("/readyz answered %d %s", status, body)
		}
	})
}

// A listener reads nothing until the server has read the recent windows. It is then
// sent everything that came since.
func TestListenerThatReadsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newTopic()
		log.held = true
		log.publish(windowsOf(1, 2)...)
		in := start(t, log, fanout.Config{})
		swarms, singles := in.ask(t, "/v1/swarm"), in.ask(t, "/sub1")
		synctest.Wait()
		log.change(func() { log.held = false })
		synctest.Wait()
		log.publish(swarm(3, 3, wire.EmojiCount{Emoji: "🔥", Count: 1, Scaled: 1}))
		for c, want := range map[net.Conn]string{swarms: "retry:2000 2=2 3=3", singles: "retry:2000 🔥"} {
			l := &listener{}
			go l.read(body(t, c))
			l.hears(t, want)
		}
	})
}
