package control_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/controls"
	"github.com/emostream/emostream/internal/proof/contract"
	"github.com/emostream/emostream/internal/proof/contract/contracttest"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/token"
	"github.com/emostream/emostream/server/access"
	"github.com/emostream/emostream/server/access/accesstest"
	"github.com/emostream/emostream/server/control"
)

// topic is emostream-controls in memory.
type topic struct {
	mu      sync.Mutex
	records []stream.Record
	changed chan struct{}
	err     error // of every write
}

func (l *topic) Write(ctx context.Context, _ int, records []stream.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if errors.Is(l.err, context.DeadlineExceeded) {
		<-ctx.Done()
		return ctx.Err()
	}
	if l.err != nil {
		return l.err
	}
	for _, r := range records {
		r.Offset = int64(len(l.records))
		l.records = append(l.records, r)
	}
	close(l.changed)
	l.changed = make(chan struct{})
	return nil
}

func (l *topic) Fetch(ctx context.Context, offset int64, _ time.Duration) (stream.Batch, error) {
	l.mu.Lock()
	all, changed := l.records, l.changed
	l.mu.Unlock()
	if int(offset) == len(all) {
		select {
		case <-changed:
		case <-ctx.Done():
			return stream.Batch{}, ctx.Err()
		}
		return stream.Batch{Next: offset, HighWatermark: offset}, nil
	}
	return stream.Batch{Records: all[offset:], Next: int64(len(all)), HighWatermark: int64(len(all))}, nil
}

// server is the calls about controls, with keys.
type server struct {
	*topic
	http.Handler
	table      controls.Table
	signer     *token.Signer
	log        bytes.Buffer
	unfollowed error
}

func newServer(t *testing.T) *server {
	t.Helper()
	private, public, err := token.Generate(token.Ed25519)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{topic: &topic{changed: make(chan struct{})}}
	if s.signer, err = token.ReadSigner(private); err != nil {
		t.Fatal(err)
	}
	keys := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(keys, public, 0o600); err != nil {
		t.Fatal(err)
	}
	gate, err := access.New(access.Config{Keys: keys, Anonymous: []access.Action{access.Send, access.Watch}})
	if err != nil {
		t.Fatal(err)
	}
	s.Handler = s.routes(gate)
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- s.table.Follow(ctx, s.topic, 0, 0, "controls", nil, nil) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *server) routes(gate *access.Gate) http.Handler {
	mux := http.NewServeMux()
	control.New(control.Config{
		Gate: gate, Editor: &controls.Editor{Table: &s.table, Topic: s.topic}, Unfollowed: func() error { return s.unfollowed },
		CheckChannel: func(channel string) error {
			if channel == "stgae-1" {
				return errors.New("stgae-1 is none: use stage-1")
			}
			return nil
		},
		Logger: slog.New(slog.NewTextHandler(&s.log, nil)),
	}).Routes(mux)
	return contracttest.Watch(contract.Main, mux)
}

func (s *server) token(t *testing.T, scope string) string {
	t.Helper()
	raw, err := s.signer.Sign(token.Claims{}, map[string]any{"sub": "ann", "aud": "emostream", "scope": scope, "exp": time.Now().Add(time.Hour).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func ask(h http.Handler, token, method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// A manager sets, sees and ends what is in force, and is told what was before. Each change
// is in force when it is answered, and logged with the manager's name.
func TestManage(t *testing.T) {
	s := newServer(t)
	manager := s.token(t, "emostream:manage")
	does := func(method, path, body string, status int, says ...string) {
		t.Helper()
		answer := ask(s, manager, method, path, body)
		for _, part := range says {
			if !strings.Contains(answer.Body.String(), part) {
				t.Errorf("%s %s: %s lacks %s", method, path, answer.Body, part)
			}
		}
		if answer.Code != status {
			t.Errorf("%s %s: %d %s, want %d", method, path, answer.Code, answer.Body, status)
		}
	}
	does("GET", "/v1/controls", "", 200, `{"controls":[]}`)
	does("PUT", "/v1/controls/channel/main", `{"state":"paused","for":"10m","reason":"a break"}`, 200,
		`{"control":{"kind":"channel","name":"main","state":"paused","until":"`, `"reason":"a break","set_by":"ann","set_at":"`, `"before":null}`)
	c, ok := s.table.Get(controls.Channel, "main", time.Now())
	if left := time.Until(c.Until); !ok || left < 9*time.Minute || left > 10*time.Minute {
		t.Errorf("in force is %+v", c)
	}
	does("GET", "/v1/controls/channel/main", "", 200, `{"kind":"channel","name":"main","state":"paused",`)
	does("PUT", "/v1/controls/channel/main", `{"state":"slowed","per_user":"30/m"}`, 200, `"state":"slowed","per_user":"30/m","set_by"`, `"before":{"kind":"channel","name":"main","state":"paused"`)
	does("PUT", "/v1/controls/user/bob@example.com", "", 200, `"name":"bob@example.com","state":"banned"`)
	does("PUT", "/v1/controls/user?name="+url.QueryEscape("https://id.example/ann?x=1"), `{"reason":"spam"}`, 200, `"name":"https://id.example/ann?x=1","state":"banned","reason":"spam"`)
	does("PUT", "/v1/controls/emoji/"+url.PathEscape("❤"), `{"until":"2999-01-01T00:00:00+02:00"}`, 200, `"name":"❤️","state":"hidden","until":"2998-12-31T22:00:00.000Z"`)
	does("GET", "/v1/controls/emoji?name=:heart:", "", 200, `"name":"❤️"`)
	does("GET", "/v1/controls", "", 200, `{"controls":[{"kind":"channel"`, `{"kind":"user","name":"bob@example.com"`, `{"kind":"emoji"`)
	does("PUT", "/v1/controls/channel/stgae-1", `{"state":"paused"}`, 200, `"before":null,"note":"stgae-1 is none: use stage-1"}`)
	does("PUT", "/v1/controls/user/stgae-1", "", 200, `"before":null}`)
	does("DELETE", "/v1/controls/channel/stgae-1", "", 200, `"name":"stgae-1","state":"paused"`)
	does("DELETE", "/v1/controls/channel/main", "", 200, `{"control":null,"before":{"kind":"channel","name":"main","state":"slowed"`)
	does("DELETE", "/v1/controls/channel/main", "", 200, `{"control":null,"before":null}`)
	does("GET", "/v1/controls/channel/main", "", 404, `"code":"no_control"`)
	for _, want := range []string{`msg="a manager has set a control" kind=channel name=main state=paused until=2`, `reason="a break" by=ann request_id=`, `msg="a manager has ended a control" kind=channel name=main state=slowed by=ann request_id=`} {
		if !strings.Contains(s.log.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, s.log.String())
		}
	}
	if strings.Contains(s.log.String(), manager) {
		t.Error("the log has the token")
	}
}

// What cannot be set is refused, and says what can be. Nothing is written then.
func TestRefusals(t *testing.T) {
	s := newServer(t)
	manager := s.token(t, "emostream:manage")
	for name, tt := range map[string]struct {
		method, path, body string
		status             int
		code               string
	}{
		"another kind":            {"PUT", "/v1/controls/room/main", `{"state":"paused"}`, 404, "not_found"},
		"no name":                 {"PUT", "/v1/controls/channel", `{"state":"paused"}`, 404, "not_found"},
		"no channel's name":       {"PUT", "/v1/controls/channel?name=a%20b", `{"state":"paused"}`, 422, "invalid_control"},
		"no emoji":                {"PUT", "/v1/controls/emoji/x", "", 422, "invalid_control"},
		"a user that is too long": {"PUT", "/v1/controls/user/" + strings.Repeat("x", 129), "", 422, "invalid_control"},
		"a channel, no state":     {"PUT", "/v1/controls/channel/main", "", 422, "invalid_control"},
		"another state":           {"PUT", "/v1/controls/channel/main", `{"state":"banned"}`, 422, "invalid_control"},
		"slowed without a rate":   {"PUT", "/v1/controls/channel/main", `{"state":"slowed"}`, 422, "invalid_control"},
		"slowed at no rate":       {"PUT", "/v1/controls/channel/main", `{"state":"slowed","per_user":"fast"}`, 422, "invalid_control"},
		"a time that is over":     {"PUT", "/v1/controls/channel/main", `{"state":"paused","until":"2020-01-01T00:00:00Z"}`, 422, "invalid_control"},
		"for no time":             {"PUT", "/v1/controls/channel/main", `{"state":"paused","for":"-1m"}`, 422, "invalid_control"},
		"for and until":           {"PUT", "/v1/controls/channel/main", `{"state":"paused","for":"1m","until":"2999-01-01T00:00:00Z"}`, 422, "invalid_control"},
		"a reason of two lines":   {"PUT", "/v1/controls/user/bob", `{"reason":"a\nb"}`, 422, "invalid_control"},
		"a field mistyped":        {"PUT", "/v1/controls/user/bob", `{"til":"2999-01-01T00:00:00Z"}`, 400, "invalid_json"},
		"no JSON":                 {"PUT", "/v1/controls/user/bob", `{`, 400, "invalid_json"},
		"an array":                {"PUT", "/v1/controls/user/bob", `[]`, 400, "invalid_json"},
		"two objects":             {"PUT", "/v1/controls/user/bob", `{}{}`, 400, "invalid_json"},
		"no UTF-8":                {"PUT", "/v1/controls/user/bob", "{\"reason\":\"\xff\"}", 400, ""},
		"until is no time":        {"PUT", "/v1/controls/user/bob", `{"until":"tomorrow"}`, 400, "invalid_json"},
		"a body that is too long": {"PUT", "/v1/controls/user/bob", `{"reason":"` + strings.Repeat("x", 5000) + `"}`, 413, "too_large"},
		"another method":          {"POST", "/v1/controls/user/bob", "{}", 405, "method_not_allowed"},
		"another method for all":  {"PUT", "/v1/controls", "{}", 405, "method_not_allowed"},
	} {
		answer := ask(s, manager, tt.method, tt.path, tt.body)
		if answer.Code != tt.status || !strings.Contains(answer.Body.String(), `"code":"`+tt.code) || answer.Body.Len() > 600 {
			t.Errorf("%s: answered %d %s", name, answer.Code, answer.Body)
		}
	}
	form := httptest.NewRequest(http.MethodPut, "/v1/controls/user/bob", strings.NewReader("reason=spam"))
	form.Header.Set("Authorization", "Bearer "+manager)
	form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	if s.ServeHTTP(w, form); w.Code != http.StatusUnsupportedMediaType {
		t.Errorf("a form is answered %d %s", w.Code, w.Body)
	}
	if len(s.records) > 0 {
		t.Errorf("%d records were written", len(s.records))
	}
}

// A control that cannot be is refused with what is wrong about it, and what would be right.
func TestWhatIsWrong(t *testing.T) {
	s := newServer(t)
	manager := s.token(t, "emostream:manage")
	for body, says := range map[string]string{
		`{"state":"pause"}`:                                            `\"pause\" is not a state of a channel: use paused, closed or slowed`,
		`{"state":"slowed"}`:                                           `slowed needs per_user, as in 1/s`,
		`{"state":"closed","per_user":"1/s"}`:                          `per_user goes with slowed, and this is closed`,
		`{"state":"paused","for":"10"}`:                                `for is \"10\": it says how long, as in 10m`,
		`{"state":"paused","until":"8 pm"}`:                            `until is \"8 pm\": it says when, as in 2026-11-23T20:00:00Z`,
		`{"state":"paused","for":"-1m"}`:                               `for is \"-1m\": it says how long`,
		`{"for":"1m","until":"2999-01-01T00:00:00Z","state":"paused"}`: `for and until both say when it ends: send one of them`,
	} {
		if answer := ask(s, manager, http.MethodPut, "/v1/controls/channel/main", body); !strings.Contains(answer.Body.String(), says) {
			t.Errorf("%s is answered %s, want %s", body, answer.Body, says)
		}
	}
}

// Only who has the scope emostream:manage may see and change anything; without keys nobody
// may. No request is read, and nothing is told, before that is known.
func TestWhoMayManage(t *testing.T) {
	s := newServer(t)
	if _, err := (&controls.Editor{Table: &s.table, Topic: s.topic}).Set(t.Context(), controls.Control{Kind: controls.User, Name: "a_user"}); err != nil {
		t.Fatal(err)
	}
	without := s.routes(nil)
	for name, tt := range map[string]struct {
		handler http.Handler
		token   string
		status  int
		code    string
	}{
		"without keys":               {without, "", 403, "not_allowed"},
		"without keys, with a token": {without, s.token(t, "emostream:manage"), 403, "not_allowed"},
		"no token":                   {s, "", 401, "token_missing"},
		"another token":              {s, "a.b.c", 401, "token_invalid"},
		"a sender":                   {s, s.token(t, "emostream:send emostream:watch emostream:as"), 403, "not_allowed"},
	} {
		for method, path := range map[string]string{"GET": "/v1/controls", "PUT": "/v1/controls/user/eve", "DELETE": "/v1/controls/user/a_user", "HEAD": "/v1/controls/user/a_user"} {
			answer := ask(tt.handler, tt.token, method, path, "")
			if answer.Code != tt.status || !strings.Contains(answer.Body.String(), `"code":"`+tt.code+`"`) || strings.Contains(answer.Body.String(), "a_user") {
				t.Errorf("%s, %s: answered %d %s", name, method, answer.Code, answer.Body)
			}
		}
	}
	if len(s.records) != 1 {
		t.Errorf("%d records were written", len(s.records)-1)
	}
}

// A change that Kafka does not take says whether it may be in force.
func TestKafkaFails(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		code string
	}{
		"not in time": {context.DeadlineExceeded, "in_doubt"},
		"not allowed": {errors.New("the user needs an ACL"), "controls_unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.err = tt.err
			manager := s.token(t, "emostream:manage")
			for _, method := range []string{"PUT", "DELETE"} {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
				r := httptest.NewRequestWithContext(ctx, method, "/v1/controls/user/bob", nil)
				r.Header.Set("Authorization", "Bearer "+manager)
				w := httptest.NewRecorder()
				s.ServeHTTP(w, r)
				cancel()
				if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), `"code":"`+tt.code+`"`) || w.Header().Get("Retry-After") != "1" {
					t.Errorf("%s is answered %d %s", method, w.Code, w.Body)
				}
			}
		})
	}
	s := newServer(t)
	s.unfollowed = errors.New("emostream-controls cannot be read now")
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		if w := ask(s, s.token(t, "emostream:manage"), method, "/v1/controls/user/bob", ""); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), `"code":"controls_unavailable"`) {
			t.Errorf("%s while the topic is not followed is answered %d %s", method, w.Code, w.Body)
		}
	}
}

// Two managers who set the same thing at once are both answered, and what is in force is
// what one of them has set.
func TestManagersAtOnce(t *testing.T) {
	s := newServer(t)
	manager := s.token(t, "emostream:manage")
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 20 {
				if w := ask(s, manager, "PUT", "/v1/controls/channel/main", fmt.Sprintf(`{"state":"paused","reason":"%d"}`, i)); w.Code != http.StatusOK {
					t.Errorf("answered %d %s", w.Code, w.Body)
				}
				if w := ask(s, manager, "DELETE", "/v1/controls/channel/main", ""); w.Code != http.StatusOK {
					t.Errorf("answered %d %s", w.Code, w.Body)
				}
			}
		})
	}
	all.Wait()
	if n := len(s.records); n != 320 {
		t.Errorf("%d records were written, want 320", n)
	}
	if c, ok := s.table.Get(controls.Channel, "main", time.Now()); ok {
		t.Errorf("in force is %v", c)
	}
}

// Who may not manage is told so, even if his body never ends.
func TestEndlessBodyOfWhoMayNotManage(t *testing.T) {
	srv := httptest.NewServer(newServer(t))
	t.Cleanup(srv.Close)
	accesstest.AnswersBeforeTheBody(t, srv.URL, http.MethodPut, "/v1/controls/user/ann")
}
