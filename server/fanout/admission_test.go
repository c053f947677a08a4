package fanout_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/controls"
	"github.com/emostream/emostream/internal/proof/contract"
	"github.com/emostream/emostream/internal/proof/contract/contracttest"
	"github.com/emostream/emostream/internal/ticket"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server/access"
	"github.com/emostream/emostream/server/access/accesstest"
	"github.com/emostream/emostream/server/fanout"
)

func ticketKeys(t *testing.T, secret string) *ticket.Keys {
	t.Helper()
	k, err := ticket.New([]byte(secret + " a key of tickets that exists in tests only"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// ended says whether the server ended a stream.
func ended(l *listener) bool { return errors.Is(l.end(), io.EOF) }

// ticketFor returns the query of a stream with a ticket that is good for a while.
func ticketFor(k *ticket.Keys, channel, subject string, good time.Duration) string {
	return "?channel=" + channel + "&ticket=" + k.Seal(ticket.Ticket{Channel: channel, Subject: subject, Expires: time.Now().Add(good)})
}

// Who may not listen is told why, and takes no place.
func TestWhoMayListen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, gate, everybody := ticketKeys(t, ""), accesstest.Gate(t), accesstest.Gate(t, access.Watch)
		token := func(subject, scope string) string {
			return "Bearer " + accesstest.Token(t, subject, scope, time.Hour)
		}
		bans := &controls.Table{}
		if err := bans.Set(controls.Control{Kind: controls.User, Name: "bob", State: controls.Banned, Until: time.Now().Add(time.Hour), Reason: "spam"}); err != nil {
			t.Fatal(err)
		}
		banning := fanout.Config{Tickets: k, Gate: gate, Controls: bans}
		tickets, both, tokens, open := fanout.Config{Tickets: k}, fanout.Config{Tickets: k, Gate: gate}, fanout.Config{Gate: gate}, fanout.Config{Tickets: k, Gate: everybody}
		good, ann := ticketFor(k, "b", "ann", time.Minute), token("ann", "emostream:watch:b")
		for name, tt := range map[string]struct {
			cfg           fanout.Config
			query, header string
			status        int
			code          string
		}{
			"anybody, without keys":                  {fanout.Config{}, "?ticket=x", "", 200, ""},
			"a ticket":                               {tickets, good, "", 200, ""},
			"nothing":                                {tickets, "?channel=b", "", 401, "ticket_missing"},
			"a token that nobody can check":          {tickets, "?channel=b", ann, 401, "ticket_missing"},
			"a ticket beside what nobody can check":  {tickets, good, "Bearer x", 200, ""},
			"a ticket of another channel":            {tickets, strings.Replace(good, "channel=b", "channel=c", 1), "", 403, "not_allowed"},
			"a ticket of another channel than main":  {tickets, strings.Replace(good, "channel=b", "", 1), "", 403, "not_allowed"},
			"a ticket that has run out":              {tickets, ticketFor(k, "b", "ann", 0), "", 401, "ticket_expired"},
			"a ticket of another installation":       {tickets, ticketFor(ticketKeys(t, "x"), "b", "ann", time.Minute), "", 401, "ticket_invalid"},
			"a truncated ticket":                     {tickets, good[:len(good)-4], "", 401, "ticket_invalid"},
			"an empty ticket":                        {tickets, "?channel=b&ticket=", "", 401, "ticket_invalid"},
			"two tickets":                            {tickets, good + good[strings.Index(good, "&"):], "", 401, "ticket_invalid"},
			"a good ticket before another one":       {tickets, good + "&ticket=x", "", 401, "ticket_invalid"},
			"a token":                                {tokens, "?channel=b", ann, 200, ""},
			"a token, and a ticket nobody can check": {tokens, good, ann, 200, ""},
			"a ticket nobody can check":              {tokens, good, "", 401, "token_missing"},
			"a token for another channel":            {both, "?channel=c", ann, 403, "not_allowed"},
			"a token that may send":                  {both, "?channel=b", token("ann", "emostream:send"), 403, "not_allowed"},
			"a token and a ticket":                   {both, good, ann, 200, ""},
			"a ticket, and a token of another":       {both, good, token("bob", "emostream:watch"), 403, "user_mismatch"},
			"a ticket, and a bad token":              {both, good, ann + "x", 401, "token_invalid"},
			"a ticket, and a login of a proxy":       {both, good, "Basic YW5uOng=", 200, ""},
			"the same, where everybody may watch":    {open, good, "Basic YW5uOng=", 200, ""},
			"a ticket, and a token in the query":     {both, good + "&access_token=x", "", 401, "token_invalid"},
			"nothing, where tokens are":              {both, "?channel=b", "", 401, "token_missing"},
			"anybody, where everybody may watch":     {open, "?channel=b", "", 200, ""},
			"a bad ticket, where everybody may":      {open, "?channel=b&ticket=x", "", 401, "ticket_invalid"},
			"a token of who is banned":               {banning, "?channel=b", token("bob", "emostream:watch"), 403, "banned until "},
			"a ticket of who is banned":              {banning, ticketFor(k, "b", "bob", time.Minute), "", 200, ""},
			"a token of another than who is banned":  {banning, "?channel=b", ann, 200, ""},
			"a ticket of nobody beside a token":      {both, ticketFor(k, "b", "", time.Minute), ann, 403, "user_mismatch"},
		} {
			tt.cfg.Name = "sub1"
			s := fanout.New(tt.cfg)
			mux := http.NewServeMux()
			s.Routes(mux)
			for _, path := range []string{"/v1/swarm", "/sub1"} {
				for _, method := range []string{http.MethodHead, http.MethodGet} {
					if method == http.MethodGet && tt.status == 200 {
						continue // it would not end
					}
					r, w := httptest.NewRequest(method, path+tt.query, nil), httptest.NewRecorder()
					if tt.header != "" {
						r.Header.Set("Authorization", tt.header)
					}
					contracttest.Watch(contract.Subscriber, mux).ServeHTTP(w, r)
					if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.code) || (tt.status == 401) != (w.Header().Get("WWW-Authenticate") != "") && tt.code != "not_allowed" {
						t.Errorf("%s: %s %s answered %d %s %v, want %d %s", name, method, path, w.Code, w.Body, w.Header(), tt.status, tt.code)
					}
				}
			}
			if s.Clients() != 0 {
				t.Errorf("%s: it took a place", name)
			}
		}
	})
}

// A stream ends within a second after its ticket or token has run out, in the middle of
// nothing. The same ticket is not taken again.
func TestStreamsEndWithTheirTickets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := ticketKeys(t, "")
		in := start(t, newTopic(), fanout.Config{Tickets: k, Gate: accesstest.Gate(t, access.Watch), KeepAlive: time.Hour})
		query := ticketFor(k, "main", "ann", 10*time.Second)
		short, singles := in.listen(t, "/v1/swarm"+query, ""), in.listen(t, "/sub1"+query, "")
		late := in.listen(t, "/v1/swarm"+ticketFor(k, "main", "ann", 11*time.Second), "")
		long := in.listen(t, "/v1/swarm"+ticketFor(k, "main", "ann", time.Hour), "") // of a main server whose clock is ahead
		open := in.listen(t, "/v1/swarm", "")
		in.topic.publish(windowsOf(1, 1)...)
		pass(10*time.Second - time.Millisecond)
		short.hears(t, "retry:2000 1=1")
		if short.end() != nil || singles.end() != nil {
			t.Fatal("a stream ended too early")
		}
		pass(time.Second + time.Millisecond)
		short.hears(t, "retry:2000")
		if !ended(short) || !ended(singles) || late.end() != nil || in.Clients() != 3 || in.metric(t, "expired_total") != 2 {
			t.Errorf("ended with %v and %v, others with %v, %d clients are left", short.end(), singles.end(), late.end(), in.Clients())
		}
		if status, _, body := in.get(t, http.MethodGet, "/v1/swarm"+query); status != http.StatusUnauthorized || !strings.Contains(body, "ticket_expired") {
			t.Errorf("the same ticket again: %d %s", status, body)
		}
		again := in.listen(t, "/v1/swarm"+ticketFor(k, "main", "ann", time.Minute)+"&last_event_id="+strconv.Itoa(epoch), "")
		again.hears(t, "retry:2000 1=1")
		pass(ticket.Lifetime - 11*time.Second + 2*time.Second)
		if !ended(long) || open.end() != nil || in.Clients() != 1 {
			t.Errorf("a ticket of an hour: %v; without a ticket: %v; %d clients", long.end(), open.end(), in.Clients())
		}
	})
}

// The stream of a token ends before the token does, and before long.
func TestStreamsEndWithTheirTokens(t *testing.T) {
	for good, most := range map[time.Duration]time.Duration{30 * time.Second: 30 * time.Second, time.Hour: ticket.Lifetime} {
		synctest.Test(t, func(t *testing.T) {
			in := start(t, newTopic(), fanout.Config{Gate: accesstest.Gate(t), KeepAlive: time.Hour})
			in.header = http.Header{"Authorization": {"Bearer " + accesstest.Token(t, "ann", "emostream:watch", good)}}
			l := in.listen(t, "/v1/swarm", "")
			pass(most*4/5 - time.Second)
			if l.end() != nil {
				t.Error("ended too early")
			}
			pass(most/5 + 2*time.Second)
			if !ended(l) || in.Clients() != 0 {
				t.Errorf("ended with %v, %d clients", l.end(), in.Clients())
			}
		})
	}
}

// A stream ends on every transport, and also one whose client does not read.
func TestEveryWayEnds(t *testing.T) {
	onEach(t, func(t *testing.T, w way) {
		k := ticketKeys(t, "")
		n := w.start(t, newTopic(), fanout.Config{Tickets: k, StallTimeout: time.Second})
		const good = 5 * time.Second // a busy machine may take that long until the streams are open
		reads := n.hear(t, "/v1/swarm"+ticketFor(k, "main", "ann", good), "")
		n.hear(t, "/v1/swarm"+ticketFor(k, "b", "ann", good), "") // reads nothing more
		for i := range 20 {
			n.topic.publish(elsewhere("b", large(i)))
		}
		if frame, err := reads.next(); err != nil || frame != "retry:2000" {
			t.Errorf("%s, %v", frame, err)
		}
		if frame, err := reads.next(); !errors.Is(err, io.EOF) {
			t.Errorf("%s, %v, want the end", frame, err)
		}
		eventually(t, "none is left", func() bool { return n.Clients() == 0 })
	})
}

// Where there are ticket keys, heartbeats say that tickets are checked, and prove it. None
// has the time of another, since it would be taken for a repetition.
func TestHeartbeatsAreSigned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := ticketKeys(t, "")
		signed, plain := start(t, newTopic(), fanout.Config{Tickets: k}), start(t, newTopic(), fanout.Config{})
		pass(3 * time.Second)
		signed.stop()
		plain.stop()
		synctest.Wait()
		last := ""
		for _, r := range signed.servers.written() {
			s, err := wire.Topics{}.DecodeServerStatus(r.Key, r.Value)
			if err != nil || !s.Tickets || s.Time <= last || len(r.Headers) != 1 || r.Headers[0].Key != wire.SignatureHeader || !k.Signed(r.Value, r.Headers[0].Value) {
				t.Errorf("%s %v, %v", r.Value, r.Headers, err)
			}
			last = s.Time
		}
		for _, r := range plain.servers.written() {
			if len(r.Headers) > 0 || strings.Contains(string(r.Value), "tickets") {
				t.Errorf("%s %v", r.Value, r.Headers)
			}
		}
		if len(signed.servers.written()) < 5 || len(plain.servers.written()) < 5 {
			t.Error("too few heartbeats")
		}
	})
}

// Who is proven by a ticket or a token has a share of the places of his own. Others at his
// address have theirs.
func TestSharesOfUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := ticketKeys(t, "")
		in := start(t, newTopic(), fanout.Config{Tickets: k, Capacity: 4})
		in.listen(t, "/v1/swarm"+ticketFor(k, "main", "ann", time.Minute), "")
		if status, _, body := in.get(t, http.MethodGet, "/v1/swarm"+ticketFor(k, "b", "ann", time.Minute)); status != http.StatusServiceUnavailable || !strings.Contains(body, "this user has its share") {
			t.Errorf("more than the share: %d %s", status, body)
		}
		in.listen(t, "/v1/swarm"+ticketFor(k, "main", "bob", time.Minute), "")
		in.listen(t, "/v1/swarm"+ticketFor(k, "main", "", time.Minute), "")
		in.listen(t, "/v1/swarm"+ticketFor(k, "main", "", time.Minute), "")
	})
}
