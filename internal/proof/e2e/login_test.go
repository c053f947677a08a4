package e2e_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// An OpenID Connect provider from npm issues the tokens: to a person who logs in on its
// pages, and to a backend. With them the command line taps and watches, and what was sent
// is recorded under the provider's names. Then the provider changes its keys while all
// runs: a token under a new key is taken within seconds, and once an old key is withdrawn
// its tokens are refused.
func TestLogin(t *testing.T) {
	if *login == "" {
		t.Skip("needs packages of Node: make test-login")
	}
	sideBySide(t)
	p := newProvider(t)
	in := p.pipeline()
	ann := p.logIn("ann", "emostream:send emostream:watch")
	annFile := filepath.Join(t.TempDir(), "token")
	writeFile(t, annFile, ann)

	watch := start(t, "watch", "--server", in.main[0], "--token-file", annFile, "-o", "json")
	until(t, "watch is there", func() error {
		if !strings.Contains(watch.logs.String(), "watching") {
			return errors.New(watch.logs.String())
		}
		return nil
	})
	send := start(t, "send", "🔥", "--count", "3", "--server", in.main[0], "--token-file", annFile)
	<-send.done
	if said := send.logs.String(); said != "3 accepted\n" {
		t.Errorf("send says %q", said)
	}
	if window := watch.line(); !strings.Contains(window, `"emoji_type":"🔥"`) {
		t.Errorf("watch shows %s", window)
	}

	// A backend sends for the people of a site, and may do nothing else.
	backend := p.token(url.Values{"grant_type": {"client_credentials"}, "scope": {"emostream:send emostream:as"}}, "backend")
	const fire = `{"emoji_type":"🔥"%s}`
	for _, tt := range []struct {
		name, token, body string
		status            int
		code              string
	}{
		{"the backend for bea", backend, fmt.Sprintf(fire, `,"user_id":"bea"`), http.StatusOK, ""},
		{"ann herself", ann, fmt.Sprintf(fire, ""), http.StatusOK, ""},
		{"ann for bea", ann, fmt.Sprintf(fire, `,"user_id":"bea"`), http.StatusForbidden, "user_mismatch"},
		{"nobody", "", fmt.Sprintf(fire, `,"user_id":"bea"`), http.StatusUnauthorized, "token_missing"},
	} {
		if a := sendAs(t, in, tt.token, tt.body); a.status != tt.status || a.code != tt.code {
			t.Errorf("%s: %d %s", tt.name, a.status, a.body)
		}
	}
	if a := request(t, http.MethodGet, in.main[0]+"/register", backend, ""); a.status != http.StatusForbidden || a.code != "not_allowed" {
		t.Errorf("the backend may register: %d %s", a.status, a.body)
	}
	if got, want := in.users(), []string{"ann", "ann", "ann", "ann", "bea"}; !slices.Equal(got, want) {
		t.Errorf("the users recorded are %v, want %v", got, want)
	}

	// New keys: at first the old one is published beside the new one, then no more.
	taken := func(token string) func() error {
		return func() error {
			a := sendAs(t, in, token, fmt.Sprintf(fire, ""))
			if a.status == http.StatusOK {
				return nil
			}
			if a.status != http.StatusServiceUnavailable || a.code != "keys_unavailable" {
				t.Fatalf("%d %s", a.status, a.body)
			}
			return errors.New(a.body)
		}
	}
	p.use("two", "one")
	second := p.logIn("ann", "emostream:send emostream:watch")
	until(t, "a token under the second key is taken", taken(second))
	if err := taken(ann)(); err != nil {
		t.Errorf("while its key is published, the first token is not taken: %v", err)
	}
	p.use("three")
	third := p.logIn("ann", "emostream:send emostream:watch")
	until(t, "a token under the third key is taken", taken(third))
	for name, old := range map[string]string{"first": ann, "second": second} {
		// 503 until the server has asked once more for the key.
		if a := sendAs(t, in, old, fmt.Sprintf(fire, "")); a.status != http.StatusServiceUnavailable && a.status != http.StatusUnauthorized {
			t.Errorf("its key is withdrawn, and the %s token gets %d %s", name, a.status, a.body)
		}
	}
}

// provider is a running OpenID Connect provider.
type provider struct {
	t       *testing.T
	cert    certificate
	stdin   io.Writer
	process *process
	issuer  string
	keys    map[string]json.RawMessage // by kid
}

// newProvider starts a provider that signs with the key one.
func newProvider(t *testing.T) *provider {
	t.Helper()
	program, err := os.ReadFile("testdata/login/provider.mjs")
	if err != nil {
		t.Fatal(err)
	}
	// Beside the packages, where Node looks for them.
	path := filepath.Join(*login, fmt.Sprintf("provider-%d.mjs", os.Getpid()))
	writeFile(t, path, string(program))
	t.Cleanup(func() { _ = os.Remove(path) })
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{t: t, cert: selfSigned(t), keys: map[string]json.RawMessage{}}
	cmd := exec.Command(node, path, p.cert.file, p.cert.key)
	if p.stdin, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	p.process = startCommand(t, cmd)
	p.issuer = p.use("one")
	return p
}

// use lets the provider publish keys, of which the first signs, and returns what it says.
func (p *provider) use(kids ...string) (said string) {
	p.t.Helper()
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	for _, kid := range kids {
		if p.keys[kid] == nil {
			p.keys[kid] = privateJWK(p.t, kid)
		}
		set.Keys = append(set.Keys, p.keys[kid])
	}
	if err := json.NewEncoder(p.stdin).Encode(set); err != nil {
		p.t.Fatal(err)
	}
	return p.process.line()
}

// privateJWK makes an RSA key.
func privateJWK(t *testing.T, kid string) json.RawMessage {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	number := func(n *big.Int) string { return base64.RawURLEncoding.EncodeToString(n.Bytes()) }
	jwk, err := json.Marshal(map[string]string{
		"kty": "RSA", "use": "sig", "kid": kid, "n": number(key.N), "e": number(big.NewInt(int64(key.E))), "d": number(key.D),
		"p": number(key.Primes[0]), "q": number(key.Primes[1]),
		"dp": number(key.Precomputed.Dp), "dq": number(key.Precomputed.Dq), "qi": number(key.Precomputed.Qinv),
	})
	if err != nil {
		t.Fatal(err)
	}
	return jwk
}

// pipeline starts an installation that takes the tokens of the provider, as docs/access.md
// says.
func (p *provider) pipeline() *installation {
	p.t.Helper()
	page, err := os.ReadFile("../../../docs/access.md")
	if err != nil {
		p.t.Fatal(err)
	}
	told := regexp.MustCompile(`(?m)^emostream up (--auth-keys https://login\.example/.*)$`).FindSubmatch(page)
	if told == nil {
		p.t.Fatal("docs/access.md does not say how a provider is used")
	}
	flags := strings.Fields(strings.ReplaceAll(string(told[1]), "https://login.example", p.issuer))
	in := &installation{t: p.t, servers: map[string]string{}}
	args := append([]string{"up", "--port", "0", "--ephemeral", "-o", "json", "--log-level", "info", "--subscribers", "2", "--clusters", "1"}, flags...)
	in.read(startProgram(p.t, binary, []string{"SSL_CERT_FILE=" + p.cert.file}, args...).line())
	return in
}

// logIn returns the token that a person gets who logs in on the pages of the provider and
// agrees to what a page asks for.
func (p *provider) logIn(name, scope string) (token string) {
	p.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	const page = "https://page.example/"
	browser := p.cert.client()
	browser.Jar = jar
	browser.CheckRedirect = func(req *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(req.URL.String(), page) {
			return http.ErrUseLastResponse
		}
		return nil
	}
	verifier := rand.Text() + rand.Text()
	challenge := sha256.Sum256([]byte(verifier))
	ask := url.Values{
		"client_id": {"page"}, "response_type": {"code"}, "scope": {"openid " + scope}, "redirect_uri": {page},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
	form := regexp.MustCompile(`action="([^"]+)"`)
	res, err := browser.Get(p.issuer + "/auth?" + ask.Encode())
	for _, filled := range []url.Values{
		{"prompt": {"login"}, "login": {name}, "password": {"any"}},
		{"prompt": {"consent"}},
	} {
		if err != nil {
			p.t.Fatal(err)
		}
		shown, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		action := form.FindSubmatch(shown)
		if action == nil {
			p.t.Fatalf("the provider shows %d %s", res.StatusCode, shown)
		}
		res, err = browser.PostForm(string(action[1]), filled)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	_ = res.Body.Close()
	back, err := res.Location()
	if err != nil || back.Query().Get("code") == "" {
		p.t.Fatalf("the provider sends back to %v, %v", back, err)
	}
	return p.token(url.Values{
		"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")}, "redirect_uri": {page}, "client_id": {"page"}, "code_verifier": {verifier},
	}, "")
}

// token asks the provider for a token, as a client or as nobody.
func (p *provider) token(form url.Values, client string) string {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.issuer+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if client != "" {
		req.SetBasicAuth(client, "for-this-test-alone")
	}
	res, err := p.cert.client().Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	var got struct {
		Token string `json:"access_token"`
	}
	if err != nil || json.Unmarshal(b, &got) != nil || got.Token == "" {
		p.t.Fatalf("the provider gives no token: %d %s, %v", res.StatusCode, b, err)
	}
	return got.Token
}

// sendAs sends a reaction with a token; empty: without.
func sendAs(t *testing.T, in *installation, token, body string) answer {
	t.Helper()
	return request(t, http.MethodPost, in.main[0]+"/send_emoji", token, body)
}

// request sends a request with a token, and returns the answer.
func request(t *testing.T, method, url, token, body string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var said struct{ Code string }
	_ = json.Unmarshal(b, &said)
	return answer{res.StatusCode, said.Code, string(b)}
}

// users returns the user_id of each reaction in the log, sorted.
func (in *installation) users() (all []string) {
	in.t.Helper()
	out, err := exec.CommandContext(in.t.Context(), binary, "consume", "--brokers", strings.Join(in.brokers, ","), "--from-beginning", "--to", "now", "-o", "json").Output()
	if err != nil {
		in.t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		id := regexp.MustCompile(`"user_id":"([^"]*)"`).FindStringSubmatch(line)
		if id == nil {
			in.t.Fatalf("consume prints %s", line)
		}
		all = append(all, id[1])
	}
	slices.Sort(all)
	return all
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
