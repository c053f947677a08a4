package loadgen_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/wire"
)

// faults says what a faulty server does wrong. "Each n-th" means each n-th reaction.
type faults struct {
	drop, double, shift int64         // each n-th is acknowledged, and then not counted, counted twice, or counted later; 0: none
	refuse, doubt       int64         // each n-th is answered with not_written, or with in_doubt and counted; 0: none
	delay               time.Duration // delay of the first listener's events
	gap                 int           // how many windows the first listener is not sent
	cut                 bool          // connections of streams end after each event
	full                int           // how many requests for a stream are refused at first
	closed              string        // the end of the name of a channel whose stream is refused; empty: none is
	away                int           // how many listeners are told to register again a second later
	tickets             bool          // a stream needs a ticket, and takes each once
	cookie              string        // what /register sets, to a new value, unless it is sent; streams and /unregister must have it
	login               string        // what every request must have in its Authorization; empty: nothing
	tokens              bool          // requests must show the token of their user
	dies                bool          // listeners are assigned to sub1 first, which is killed after an event
}

// faulty is a complete reaction stream in one process, with windows of 200 ms, that has
// faults.
type faulty struct {
	faults
	url    string
	sub1   *httptest.Server // the subscriber server that dies
	killed sync.WaitGroup

	mu           sync.Mutex
	reactions    int64
	counts       map[faultyWindow]map[string]int64
	frames       []faultyFrame // all events sent
	news         chan struct{}
	listeners    int
	registered   int
	sentAway     []time.Time // when a listener was told to register again later
	cameBack     []time.Time // when that listener registered again
	avoided      int         // number of registrations that avoid sub1
	unregistered int
	sessions     map[string]bool
	open         int
	asked        []string // Last-Event-ID of each request for a stream
	injected     map[string]int64
	sentTo       map[string]int64 // reactions by channel
}

// faultyWindow is a window of a channel.
type faultyWindow struct {
	channel string
	end     int64
}

// faultyFrame is an event of a channel.
type faultyFrame struct {
	channel string
	bytes   []byte
}

const window = 200

func startFaulty(t *testing.T, f faults) *faulty {
	t.Helper()
	s := &faulty{faults: f, counts: map[faultyWindow]map[string]int64{}, news: make(chan struct{}), injected: map[string]int64{}, sentTo: map[string]int64{}, sessions: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/register", s.register)
	mux.HandleFunc("/unregister", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.unregistered++
		_, _ = io.WriteString(w, "{}")
	})
	mux.HandleFunc("/send_emoji", s.one)
	mux.HandleFunc("/v1/reactions", s.many)
	mux.HandleFunc("/v1/swarm", s.stream)
	srv := serveBothVersions(s.guard(mux))
	s.url, s.sub1 = srv.URL, serveBothVersions(s.guard(http.HandlerFunc(s.stream)))
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.count(t.Context())
	}()
	t.Cleanup(func() {
		<-done
		s.killed.Wait()
		s.sub1.Close()
		srv.Close()
	})
	return s
}

// hasSession says whether a request has the cookie of a session, or needs none. /register
// begins a session where there is none.
func (s *faulty) hasSession(w http.ResponseWriter, r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	cookie, err := r.Cookie(s.cookie)
	known := err == nil && s.sessions[cookie.Value]
	if r.URL.Path == "/register" && !known {
		id := strconv.Itoa(len(s.sessions))
		s.sessions[id] = true
		http.SetCookie(w, &http.Cookie{Name: s.cookie, Value: id, Path: "/"})
	}
	return known || r.URL.Path == "/register" || r.URL.Path == "/send_emoji"
}

// guard answers 401 to what lacks the login or the session.
func (s *faulty) guard(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.login != "" && r.Header.Get("Authorization") != s.login || s.tokens && !hasToken(r) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if s.cookie != "" && !s.hasSession(w, r) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// serveBothVersions starts a server that speaks HTTP/1.1, and HTTP/2 without TLS.
func serveBothVersions(h http.Handler) *httptest.Server {
	srv := httptest.NewUnstartedServer(h)
	srv.Config.Protocols = new(http.Protocols)
	srv.Config.Protocols.SetHTTP1(true)
	srv.Config.Protocols.SetUnencryptedHTTP2(true)
	srv.Start()
	return srv
}

func (s *faulty) register(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.registered++
	name, at := "sub2", s.url
	switch {
	case s.registered > 1 && s.registered <= 1+s.away: // the first registration is the probe
		s.sentAway = append(s.sentAway, time.Now())
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case s.registered > 1+s.away:
		s.cameBack = append(s.cameBack, time.Now())
	}
	if r.URL.Query().Get("avoid") == "sub1" {
		s.avoided++
	} else if s.dies {
		name, at = "sub1", s.sub1.URL
	}
	_, _ = fmt.Fprintf(w, `{"server_url":"%[1]s/%[2]s","server_name":%[2]q,"user_id":"u","message":"m","stream_url":"%[1]s/v1/swarm%[3]s"}`, at, name, s.ticket())
}

// ticket returns the query of a stream. The caller holds s.mu.
func (s *faulty) ticket() string {
	if !s.tickets {
		return ""
	}
	return "?ticket=" + strconv.Itoa(s.registered)
}

// hasRunOut says whether a stream was opened with the ticket of a request before.
func (s *faulty) hasRunOut(r *http.Request) bool {
	if !s.tickets {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id := "ticket " + r.URL.Query().Get("ticket")
	again := s.sessions[id]
	s.sessions[id] = true
	return again
}

// kill closes sub1's listener and connections, as if it were killed.
func (s *faulty) kill() {
	_ = s.sub1.Listener.Close()
	s.sub1.CloseClientConnections()
}

// take accepts or refuses one reaction and returns its answer.
func (s *faulty) take(r wire.Reaction) (at int64, code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reactions++
	s.sentTo[r.Channel]++
	hits := func(each int64, name string) bool {
		if each == 0 || s.reactions%each != 0 {
			return false
		}
		s.injected[name]++
		s.injected[name+" of "+r.Channel]++
		return true
	}
	at = time.Now().UnixMilli()
	end, n := at-at%window+window, int64(1)
	switch {
	case hits(s.refuse, "refused"):
		return 0, "not_written"
	case hits(s.drop, "dropped"):
		n = 0
	case hits(s.double, "doubled"):
		n = 2
	case end/window%2 == 0 && hits(s.shift, "shifted"): // a reaction shifted out of a window must not be hidden by one shifted into it
		end += window
	case hits(s.doubt, "in doubt"):
		code = "in_doubt"
	}
	of := faultyWindow{r.Channel, end}
	if s.counts[of] == nil {
		s.counts[of] = map[string]int64{}
	}
	s.counts[of][r.Emoji] += n
	return at, code
}

func (s *faulty) one(w http.ResponseWriter, r *http.Request) {
	var reaction wire.Reaction
	if err := json.NewDecoder(r.Body).Decode(&reaction); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	at, code := s.take(reaction)
	if code != "" {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = fmt.Fprintf(w, `{"error":"e","code":"%s"}`, code)
		return
	}
	_, _ = fmt.Fprintf(w, `{"status":"Message queued","accepted_at":"%s"}`, wire.AppendTime(nil, at))
}

func (s *faulty) many(w http.ResponseWriter, r *http.Request) {
	var reactions []wire.Reaction
	if err := json.NewDecoder(r.Body).Decode(&reactions); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	var results []map[string]string
	for _, reaction := range reactions {
		at, code := s.take(reaction)
		if code != "" {
			results = append(results, map[string]string{"error": "e", "code": code})
		} else {
			results = append(results, map[string]string{"accepted_at": string(wire.AppendTime(nil, at))})
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"results": results})
}

// count closes windows until the test ends.
func (s *faulty) count(ctx context.Context) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			s.emit(now.UnixMilli() - 50) // allows for requests under way
		}
	}
}

func (s *faulty) emit(now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for of, counts := range s.counts {
		end := of.end
		if end > now {
			continue
		}
		var tallies []wire.EmojiCount
		for e, n := range counts {
			if n > 0 {
				tallies = append(tallies, wire.EmojiCount{Emoji: e, Count: n})
			}
		}
		swarm := wire.NewSwarm(of.channel, wire.Window{Start: end - window, End: end}, tallies, wire.DefaultTop)
		data, _ := json.Marshal(swarm) // it cannot fail
		s.frames = append(s.frames, faultyFrame{of.channel, sse.AppendEvent(nil, sse.Event{ID: strconv.Itoa(len(s.frames) + 1), Name: "swarm", Data: data})})
		delete(s.counts, of)
		close(s.news)
		s.news = make(chan struct{})
		if s.dies && len(s.frames) == 2 { // the first one has arrived
			s.killed.Go(s.kill)
		}
	}
}

func (s *faulty) stream(w http.ResponseWriter, r *http.Request) {
	if s.hasRunOut(r) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if s.closed != "" && strings.HasSuffix(r.URL.Query().Get("channel"), s.closed) {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	s.mu.Lock()
	first := s.listeners == 0
	s.listeners++
	if s.listeners <= s.full {
		s.mu.Unlock()
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	s.open++
	id := r.Header.Get("Last-Event-ID")
	s.asked = append(s.asked, id)
	next := len(s.frames)
	if n, err := strconv.Atoi(id); err == nil {
		next = n
	}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.open--
	}()
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = w.Write(sse.AppendRetry(nil, 10*time.Millisecond))
	for gap := s.gap; ; {
		_ = http.NewResponseController(w).Flush()
		s.mu.Lock()
		frames, news := s.frames[next:], s.news
		next = len(s.frames)
		s.mu.Unlock()
		written := false
		if first && s.delay > 0 && len(frames) > 0 {
			<-time.After(s.delay)
		}
		for _, f := range frames {
			if f.channel != r.URL.Query().Get("channel") {
				continue
			}
			if first && gap > 0 {
				gap--
				continue
			}
			_, _ = w.Write(f.bytes)
			written = true
		}
		if s.cut && written {
			return
		}
		if len(frames) > 0 {
			continue
		}
		select {
		case <-news:
		case <-r.Context().Done():
			return
		}
	}
}
