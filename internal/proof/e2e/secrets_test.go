package e2e_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/proof/kafkatest"
	"github.com/emostream/emostream/internal/token"
)

// Whoever reads what the program tells learns no token, no ticket and no key: they stand
// in no log, at the level debug, in no metric, in no answer, in no message of a command, in
// no settings that are shown, in no report and in no record. Tokens and tickets are right,
// wrong, misplaced and broken; keys are read again, and cannot be.
func TestSecretsAreNotTold(t *testing.T) {
	sideBySide(t)
	dir := t.TempDir()
	s := &secrets{t: t, pieces: map[string]string{}}
	file := func(name string) string {
		path, secret := filepath.Join(dir, name), s.random()
		writeFile(t, path, secret+"\n")
		s.keep("the secret in the file "+name, secret)
		return path
	}
	logins, tickets, people := file("login"), file("tickets"), file("pseudonyms")
	secret, err := os.ReadFile(logins)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := token.ReadSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	mint := func(what string, others map[string]any) string {
		claims := map[string]any{"sub": "ann", "aud": "emostream", "scope": "emostream:send emostream:watch emostream:as emostream:manage", "exp": time.Now().Add(time.Hour).Unix()}
		maps.Copy(claims, others)
		raw, err := signer.Sign(token.Claims{}, claims)
		if err != nil {
			t.Fatal(err)
		}
		return s.token(what, raw)
	}

	in := &installation{t: t, main: []string{"http://" + free(t)}, servers: map[string]string{"sub1": "http://" + free(t)}}
	in.names.Prefix = prefix(t)
	brokers := os.Getenv(kafkatest.BrokersVariable)
	var stages []*process
	run := func(args ...string) string {
		addr := free(t)
		stages = append(stages, start(t, append(args, "--log-level", "debug", "--metrics-listen", addr)...))
		return "http://" + addr
	}
	if brokers == "" {
		brokers = "localhost:" + port(free(t))
		run("broker", "--ephemeral", "--listen", brokers)
	}
	in.brokers = strings.Split(brokers, ",")
	kafka := []string{"--brokers", brokers, "--topic-prefix", in.names.Prefix}
	stage := func(args ...string) string {
		return run(append(append(args, "--group-prefix", in.names.Prefix), kafka...)...)
	}
	main, sub := in.main[0], in.servers["sub1"]
	metrics := []string{
		stage("serve", "--listen", strings.TrimPrefix(main, "http://"), "--auth-keys", logins, "--ticket-key-file", tickets, "--pseudonyms-file", people),
		stage("aggregate", "--window", "500ms"),
		stage("publish"),
		stage("subscribe", "--name", "sub1", "--listen", strings.TrimPrefix(sub, "http://"), "--auth-keys", logins, "--ticket-key-file", tickets),
	}
	in.ready()

	good := mint("a good token", nil)
	expired := mint("an expired token", map[string]any{"exp": time.Now().Add(-time.Hour).Unix()})
	parts := strings.Split(good, ".")
	wrong := []string{
		expired,
		mint("a token that is not valid yet", map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}),
		mint("a token for another", map[string]any{"aud": "another"}),
		mint("a token without exp", map[string]any{"exp": nil}),
		mint("a token with exp as a text", map[string]any{"exp": "tomorrow"}),
		mint("a token without scopes", map[string]any{"scope": ""}),
		mint("a token with a scope of other kinds", map[string]any{"scope": map[string]any{"a": 1}}),
		mint("a token of a long name", map[string]any{"sub": strings.Repeat("n", 200)}),
		mint("a token of much text", map[string]any{"more": strings.Repeat("m", 9000)}),
		s.token("a token without a signature", parts[0]+"."+parts[1]+"."),
		s.token("a token of alg none", base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","kid":"`+s.random()+`"}`))+"."+parts[1]+"."),
		s.token("a token of another key", parts[0]+"."+parts[1]+"."+s.random()),
		s.token("two parts of a token", parts[0]+"."+parts[1]),
		s.token("a token that is no JSON", base64.RawURLEncoding.EncodeToString([]byte(s.random()))+"."+parts[1]+"."+parts[2]),
		s.random(), strings.TrimSpace(string(secret)),
	}
	const tap = `{"emoji_type":"🔥"}`
	want := func(what string, a answer, status int) {
		t.Helper()
		if a.status != status {
			t.Errorf("%s: the answer is %d %s, want %d", what, a.status, a.body, status)
		}
	}
	stream := func() (ticket, url string) {
		a := s.ask("GET", main+"/register", "Authorization", "Bearer "+good)
		want("/register", a, http.StatusOK)
		var said struct {
			StreamURL string `json:"stream_url"`
		}
		if err := json.Unmarshal([]byte(a.body), &said); err != nil {
			t.Fatal(err)
		}
		return ticketOf(t, said.StreamURL), said.StreamURL
	}
	until(t, "a subscriber server is announced", func() error {
		if a := s.ask("GET", main+"/register", "Authorization", "Bearer "+good); a.status != http.StatusOK {
			return errors.New(a.body)
		}
		return nil
	})

	// Tokens that are good, wrong and misplaced.
	want("a good token", s.ask("POST "+tap, main+"/send_emoji", "Authorization", "Bearer "+good), http.StatusOK)
	want("no token", s.ask("POST "+tap, main+"/send_emoji"), http.StatusUnauthorized)
	for _, raw := range wrong {
		for _, path := range []string{"POST " + tap + " /send_emoji", "POST [" + tap + "] /v1/reactions", "GET /register", "GET /v1/servers", "GET /v1/controls", "GET /v1/config", "PUT {} /v1/controls/user/bob"} {
			at := strings.LastIndex(path, " ")
			if a := s.ask(path[:at], main+path[at+1:], "Authorization", "Bearer "+raw); a.status < 400 && !strings.Contains(path, "config") {
				t.Errorf("%s: the answer to a wrong token is %d %s", path, a.status, a.body)
			}
		}
		if a := s.ask("GET", sub+"/v1/swarm", "Authorization", "Bearer "+raw); a.status < 400 {
			t.Errorf("a wrong token at the stream: %d", a.status)
		}
	}
	for _, raw := range []string{good, expired} {
		query := "?access_token=" + raw + "&token=" + raw + "&ticket=" + raw + "&authorization=Bearer%20" + raw
		for _, path := range []string{"/send_emoji", "/v1/reactions", "/register", "/v1/servers", "/v1/controls", "/nowhere", "/readyz", "/healthz", "/"} {
			for _, method := range []string{"GET", "POST " + tap, "OPTIONS", "DELETE"} {
				s.ask(method, main+path+query)
				s.ask(method, main+path, "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("ann:"+raw)))
				s.ask(method, main+path, "Authorization", raw)
			}
		}
		for _, path := range []string{"/v1/swarm", "/sub1", "/nowhere", "/readyz"} {
			s.ask("POST "+tap, sub+path+query)
			if path != "/readyz" {
				s.ask("GET", sub+path+query)
			}
			s.ask("GET", sub+"/nowhere"+query, "Authorization", "Bearer "+raw)
		}
		s.ask("POST "+tap, main+"/send_emoji", "Authorization", "Bearer "+raw, "Authorization", "Bearer "+raw)
		s.ask("POST "+tap, main+"/send_emoji", "Authorization", "Bearer "+raw+", Bearer "+raw)
		s.ask("POST "+tap, main+"/send_emoji", "Authorization", "Bearer "+raw, "Origin", "https://other.example")
		s.ask("POST "+tap, main+"/send_emoji", "Authorization", "Bearer "+raw, "Content-Type", "text/plain")
		s.ask("POST {\"emoji_type\":", main+"/send_emoji", "Authorization", "Bearer "+raw)
		s.ask("PUT {\"reason\":\"spam\",\"until\":\"2099-01-01T00:00:00Z\"}", main+"/v1/controls/user/mallory", "Authorization", "Bearer "+raw)
		for _, broken := range []string{
			"GET /register HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + raw + "\x00\r\n\r\n",
			"GET /register?token=" + raw + "%zz HTTP/1.1\r\nHost: localhost\r\n\r\n",
			"GET /register HTTP/1.1\r\nHost: localhost\r\nAuthorization : Bearer " + raw + "\r\n\r\n",
			"POST /send_emoji HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + raw + "\r\nContent-Length: 7\r\nTransfer-Encoding: no\r\n\r\n",
			"BEARER " + raw + "\r\n\r\n",
		} {
			s.send(main, broken)
			s.send(sub, broken)
		}
	}

	// Tickets, likewise. A stream that is let in is read for one event.
	ticket, at := stream()
	s.ask("GET", at)
	s.ask("GET", sub+"/v1/swarm", "Authorization", "Bearer "+good)
	for _, query := range []string{
		"ticket=" + ticket[:len(ticket)-1], "ticket=" + ticket[1:], "ticket=" + ticket + "x", "ticket=" + ticket + "&ticket=" + ticket,
		"ticket=" + ticket + "&channel=another", "ticket=" + ticket + "&signals=7", "ticket=" + url.QueryEscape(expired), "token=" + ticket,
	} {
		if a := s.ask("GET", sub+"/v1/swarm?"+query); a.status < 400 {
			t.Errorf("%s is let in: %d", query, a.status)
		}
		s.ask("GET", sub+"/nowhere?"+query)
		s.ask("GET", main+"/register?"+query)
		s.ask("POST "+tap, main+"/send_emoji?"+query, "Authorization", "Bearer "+ticket)
		s.send(sub, "GET /v1/swarm?"+query+"%zz HTTP/1.1\r\nHost: localhost\r\n\r\n")
		s.send(sub, "GET /v1/swarm?"+query+" HTTP/1.1\r\nHost: other.example\r\n\r\n")
	}
	s.ask("GET", sub+"/v1/swarm?ticket="+ticket, "Authorization", "Bearer "+mint("a token of another person", map[string]any{"sub": "bob"}))

	// Keys that can be read no longer. Servers keep those that they had.
	atHand := filepath.Join(dir, "login-at-hand") // for commands
	writeFile(t, atHand, string(secret))
	for _, path := range []string{logins, tickets} {
		writeFile(t, path, s.random()[:20]+"\n-----BEGIN "+s.random())
	}

	// Commands. What they print and the reports that they write are kept.
	goodFile, expiredFile, manyFile := filepath.Join(dir, "good.token"), filepath.Join(dir, "expired.token"), filepath.Join(dir, "many.token")
	writeFile(t, goodFile, good)
	writeFile(t, expiredFile, expired)
	writeFile(t, manyFile, good+"\n"+expired)
	writeFile(t, filepath.Join(dir, "header"), "Bearer "+good)
	settings := filepath.Join(dir, "settings.yaml")
	writeFile(t, settings, fmt.Sprintf("send:\n  token-file: %s\nserve:\n  auth-keys: %s\n  ticket-key-file: %s\n  pseudonyms-file: %s\n", goodFile, atHand, tickets, people))
	reports := filepath.Join(dir, "reports")
	if err := os.Mkdir(reports, 0o755); err != nil {
		t.Fatal(err)
	}
	inEnvironment := []string{"EMOSTREAM_TOKEN=" + good}
	bench := []string{"bench", "--server", main, "--rate", "100", "--duration", "500ms", "--connections", "2", "--listeners", "2", "--users", "5", "--allow-invalid", "--patience", "5s", "--progress", "lines"}
	for _, end := range []string{"json", "html", "md", "xml", "csv", "hgrm"} {
		bench = append(bench, "--out", filepath.Join(reports, "report."+end))
	}
	for _, f := range []string{goodFile, expiredFile, manyFile, filepath.Join(dir, "nowhere")} {
		s.command(nil, "send", "🔥", "--server", main, "--token-file", f)
		s.command(nil, "watch", "-n", "1", "-o", "json", "--server", main, "--token-file", f)
		s.command(nil, "control", "pause", "aside", "--server", main, "--token-file", f)
		s.command(nil, "control", "list", "-o", "json", "--server", main, "--token-file", f)
		s.command(nil, "token", "show", "--token-file", f, "--auth-keys", atHand)
	}
	s.command(inEnvironment, "send", "🔥", "--server", main, "--user", "bob")
	s.command(inEnvironment, "send", "🔥", "--server", "http://127.0.0.1:1")
	s.command(inEnvironment, "send", "🔥", "--server", main, "--token-file", goodFile)
	s.command([]string{"EMOSTREAM_TOKEN=" + good + " " + good}, "send", "🔥", "--server", main)
	s.command(nil, append(bench, "--token-key-file", atHand, "--token-ttl", "1s")...)
	s.command(nil, append(bench, "--token-key-file", atHand, "--token-claim", "aud=another")...)
	s.command(inEnvironment, bench...)
	s.command(nil, "bench", "--rate", "20", "--duration", "200ms", "--allow-invalid", "--patience", "1s", "--post-url", main+"/send_emoji", "--post-body", tap, "--header", "Authorization: @"+filepath.Join(dir, "header"), "-o", "json")
	s.command(nil, "token", "new", "--subject", "ann", "--token-key-file", goodFile)
	s.command(nil, append([]string{"doctor", "-o", "json", "--server", main, "--auth-keys", atHand}, kafka...)...)
	s.command(nil, append([]string{"doctor", "--server", main, "--auth-keys", goodFile}, kafka...)...)
	s.command(nil, append([]string{"consume", "--from-beginning", "-o", "json", "-n", "3"}, kafka...)...)
	s.command(nil, append([]string{"topics", "describe"}, kafka...)...)
	s.command(nil, append([]string{"control", "list"}, kafka...)...)
	s.command(nil, "healthcheck", main)
	for _, of := range [][]string{{"--all"}, {"--all", "--origins", "-o", "json"}, {"send"}, {"serve", "--origins"}, {"bench", "--", "--token-key-file", atHand, "--header", "Authorization: " + good}} {
		s.command(append(inEnvironment, "EMOSTREAM_CONFIG="+settings), append([]string{"config", "view"}, of...)...)
	}
	s.command(nil, "serve", "--auth-keys", goodFile, "--brokers", brokers)
	err = filepath.WalkDir(reports, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		s.told("the report "+e.Name(), string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	until(t, "servers say that they cannot read their keys", func() error {
		for _, p := range []*process{stages[len(stages)-4], stages[len(stages)-1]} {
			for _, says := range []string{"keys of tokens are not read", "the file of ticket keys cannot be used"} {
				if !strings.Contains(p.logs.String(), says) {
					return fmt.Errorf("%s does not say: %s", p.name, says)
				}
			}
		}
		return nil
	})
	want("the keys before", s.ask("POST "+tap, main+"/send_emoji", "Authorization", "Bearer "+good), http.StatusOK)

	for _, from := range metrics {
		if a := s.ask("GET", from+"/metrics"); a.status != http.StatusOK || !strings.Contains(a.body, "emostream_") {
			t.Errorf("%s/metrics: %d %s", from, a.status, a.body)
		}
	}
	s.told("a record", s.records(in))
	for _, p := range stages {
		p.stop()
		s.told("the log of "+p.name, p.logs.String())
	}
	s.check()
}

// secrets are texts that nobody may be told, and all that was told.
type secrets struct {
	t      *testing.T
	pieces map[string]string // by a piece of a secret, what it is of
	texts  []shownText
}

type shownText struct{ where, text string }

// pieceSize is how long the pieces of secrets are that are looked for.
const pieceSize = 12

// keep remembers a text as a secret, and how it would stand in hex and in base64.
func (s *secrets) keep(what, secret string) {
	s.t.Helper()
	for _, form := range []string{secret, hex.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString([]byte(secret))} {
		if len(form) < pieceSize {
			s.t.Fatalf("%s is too short to be looked for: %q", what, form)
		}
		for i := 0; i+pieceSize <= len(form); i += pieceSize / 4 {
			s.pieces[form[i:i+pieceSize]] = what
		}
	}
}

// token keeps a token, and returns it.
func (s *secrets) token(what, raw string) string {
	s.t.Helper()
	s.keep(what, raw)
	return raw
}

// random returns a text that nobody else has, and keeps it.
func (s *secrets) random() string {
	s.t.Helper()
	return s.token("a random text", rand.Text()+rand.Text())
}

func (s *secrets) told(where, text string) { s.texts = append(s.texts, shownText{where, text}) }

// check fails for each text in which a piece of a secret stands.
func (s *secrets) check() {
	s.t.Helper()
	size := 0
	for _, at := range s.texts {
		size += len(at.text)
		for i := range len(at.text) - pieceSize + 1 {
			if what, ok := s.pieces[at.text[i:i+pieceSize]]; ok {
				s.t.Errorf("%s tells %s:\n%s", at.where, what, at.text[max(0, i-500):min(len(at.text), i+500)])
				break
			}
		}
	}
	s.t.Logf("%d pieces of secrets are looked for in %d texts of %d bytes", len(s.pieces), len(s.texts), size)
}

// ask sends a request, and returns the answer. what is the method, and the body after a
// blank. Of a stream it reads one event. The ticket in the addresses that /register answers
// is kept as a secret: it may stand there alone.
func (s *secrets) ask(what, url string, headers ...string) answer {
	s.t.Helper()
	method, body, _ := strings.Cut(what, " ")
	ctx, cancel := context.WithTimeout(s.t.Context(), maxWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	a := answer{status: res.StatusCode, body: firstOf(res.Body)}
	shown := a.body
	var said struct {
		StreamURL string `json:"stream_url"`
	}
	if json.Unmarshal([]byte(a.body), &said) == nil && said.StreamURL != "" {
		ticket := ticketOf(s.t, said.StreamURL)
		s.keep("a ticket", ticket)
		shown = strings.Replace(shown, "ticket="+ticket, "", 2) // server_url has it, too
	}
	s.told("the answer to "+method+" "+req.URL.Path, fmt.Sprint(res.Status, res.Header, shown))
	return a
}

// firstOf returns a body, and of a stream its first event.
func firstOf(body io.Reader) string {
	var text strings.Builder
	for lines := bufio.NewScanner(body); lines.Scan(); {
		text.WriteString(lines.Text() + "\n")
		if strings.HasPrefix(lines.Text(), "data:") {
			break
		}
	}
	return text.String()
}

// ticketOf returns the ticket in the address of a stream.
func ticketOf(t *testing.T, stream string) string {
	t.Helper()
	u, err := url.Parse(stream)
	if err != nil || u.Query().Get("ticket") == "" {
		t.Fatalf("%s has no ticket: %v", stream, err)
	}
	return u.Query().Get("ticket")
}

// send sends bytes that are no proper request, and keeps what comes back.
func (s *secrets) send(url, raw string) {
	s.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, raw); err != nil {
		s.t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		s.t.Fatalf("%.40q: %v", raw, err)
	}
	defer func() {
		_ = conn.Close() // closed first, since closing the body would read a stream to its end
		_ = res.Body.Close()
	}()
	s.told("the answer to what is no proper request", fmt.Sprint(res.Status, res.Header, firstOf(res.Body)))
}

// command runs emostream, and keeps what it prints.
func (s *secrets) command(env []string, args ...string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), maxWait)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended || ctx.Err() != nil {
		s.t.Errorf("%v: %v: %s", args, err, out)
	}
	s.told("emostream "+args[0], string(out))
}

// records returns all records of an installation.
func (s *secrets) records(in *installation) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), maxWait)
	defer cancel()
	c := in.open()
	defer c.Close()
	var all strings.Builder
	for _, topic := range []string{in.names.Reactions(), in.names.Partials(), in.names.Counts(), in.names.Servers(), in.names.Controls()} {
		partitions, err := c.Partitions(ctx, topic)
		if err != nil {
			s.t.Fatal(err)
		}
		for p := range partitions {
			offset, end, err := c.Offsets(ctx, topic, p)
			if err != nil {
				s.t.Fatal(err)
			}
			for r := c.Reader(topic, p); offset < end; {
				b, err := r.Fetch(ctx, offset, time.Second)
				if err != nil {
					s.t.Fatal(err)
				}
				for _, rec := range b.Records {
					fmt.Fprintf(&all, "%s %s %s\n", topic, rec.Key, rec.Value)
				}
				offset = b.Next
			}
		}
	}
	return all.String()
}
