package access_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/token"
	"github.com/emostream/emostream/server/access"
)

// login is an operator's own: it makes tokens.
type login struct {
	private, public []byte
	*token.Signer
}

func newLogin(tb testing.TB, kind token.Kind) login {
	tb.Helper()
	private, public, err := token.Generate(kind)
	if err != nil {
		tb.Fatal(err)
	}
	signer, err := token.ReadSigner(private)
	if err != nil {
		tb.Fatal(err)
	}
	return login{private, public, signer}
}

// claims are those of a token that is taken.
func claims(others map[string]any) map[string]any {
	c := map[string]any{"iss": "https://login.example", "sub": "ann", "aud": "emostream", "scope": "openid emostream:send emostream:watch:stage-*", "exp": time.Now().Add(time.Hour).Unix()}
	maps.Copy(c, others)
	for name, value := range others {
		if value == nil {
			delete(c, name)
		}
	}
	return c
}

func (l login) token(tb testing.TB, others map[string]any) string {
	tb.Helper()
	raw, err := l.Sign(token.Claims{}, claims(others))
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

func fileOf(tb testing.TB, content []byte) string {
	tb.Helper()
	name := filepath.Join(tb.TempDir(), "keys")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		tb.Fatal(err)
	}
	return name
}

func newGate(tb testing.TB, c access.Config) *access.Gate {
	tb.Helper()
	g, err := access.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

func requestWith(authorization ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/send_emoji", nil)
	r.Header["Authorization"] = authorization
	return r
}

// code is that of a refusal; ok if there is none.
func code(refusal *httpserve.Refusal) string {
	if refusal == nil {
		return "ok"
	}
	return refusal.Code
}

// Without keys everybody may send and watch, and nobody may manage.
func TestWithoutKeys(t *testing.T) {
	var g *access.Gate
	c, refusal := g.Caller(requestWith("Bearer whatever"))
	if refusal != nil || c.May(access.Send, "main") != nil || c.May(access.Watch, "main") != nil {
		t.Errorf("the caller is refused: %v", refusal)
	}
	if got := c.May(access.Manage, ""); got == nil || got.Status != http.StatusForbidden || got.Code != "not_allowed" {
		t.Errorf("managing: %+v", got)
	}
	for _, name := range []string{"", "ann"} {
		if got, refusal := c.SendsAs(name); got != name || refusal != nil {
			t.Errorf("%q sends as %q, %v", name, got, refusal)
		}
	}
	if s := g.Status(); s != (access.Status{}) {
		t.Errorf("the status is %+v", s)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = g.Caller(requestOnce) }); n > 0 {
		t.Errorf("%v allocations a request", n)
	}
}

var requestOnce = requestWith("Bearer whatever")

// part is one part of a token in which something is changed.
func part(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func hs256(secret []byte, header, claims any) string {
	signed := part(header) + "." + part(claims)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// Whoever forges a token, or has one for something else, is refused and told why.
func TestAttacks(t *testing.T) {
	rsa, other := newLogin(t, token.RSA), newLogin(t, token.RSA)
	g := newGate(t, access.Config{Keys: fileOf(t, rsa.public), Issuer: "https://login.example"})
	good := rsa.token(t, nil)
	parts := strings.Split(good, ".")
	block, _ := pem.Decode(rsa.public)
	now := time.Now().Unix()
	for name, tt := range map[string]struct{ token, code, says string }{
		"a good token":                        {good, "ok", ""},
		"no signature wanted":                 {part(map[string]any{"alg": "none"}) + "." + parts[1] + ".", "token_invalid", `alg "none"`},
		"no signature wanted, in capitals":    {part(map[string]any{"alg": "None"}) + "." + parts[1] + ".", "token_invalid", `alg "None"`},
		"no algorithm":                        {part(map[string]any{"typ": "JWT"}) + "." + parts[1] + "." + parts[2], "token_invalid", "alg"},
		"an algorithm that is no text":        {part(map[string]any{"alg": 1}) + "." + parts[1] + "." + parts[2], "token_invalid", "alg"},
		"the public key as a secret, in PEM":  {hs256(rsa.public, map[string]any{"alg": "HS256"}, claims(nil)), "token_invalid", "which its key is not for"},
		"the public key as a secret, in DER":  {hs256(block.Bytes, map[string]any{"alg": "HS256"}, claims(nil)), "token_invalid", "which its key is not for"},
		"the public key without its end":      {hs256([]byte(strings.TrimSpace(string(rsa.public))), map[string]any{"alg": "HS256"}, claims(nil)), "token_invalid", "which its key is not for"},
		"the key of somebody else":            {other.token(t, nil), "token_invalid", "signature"},
		"a key in the token itself":           {withHeader(t, other, map[string]any{"jwk": map[string]any{"kty": "oct", "k": "AAAA"}, "jku": "https://evil.example", "x5c": []string{"MIIB"}}), "token_invalid", "signature"},
		"expired":                             {rsa.token(t, map[string]any{"exp": now - 1}), "token_expired", "get a new one"},
		"expired this second":                 {rsa.token(t, map[string]any{"exp": now}), "token_expired", "get a new one"},
		"without an end":                      {rsa.token(t, map[string]any{"exp": nil}), "token_invalid", "no exp"},
		"an end that is a text":               {rsa.token(t, map[string]any{"exp": "9999999999"}), "token_invalid", "exp"},
		"an end beyond all time":              {rsa.token(t, map[string]any{"exp": 1e300}), "token_invalid", "exp"},
		"an end before all time":              {rsa.token(t, map[string]any{"exp": -1e300}), "token_invalid", "exp"},
		"an end that is null":                 {rsa.token(t, map[string]any{"exp": json.RawMessage("null")}), "token_invalid", "exp"},
		"an end under another name":           {rsa.token(t, map[string]any{"exp": nil, "EXP": now + 60}), "token_invalid", "no exp"},
		"an end with a fraction":              {rsa.token(t, map[string]any{"exp": float64(now) + 60.5}), "ok", ""},
		"not yet valid":                       {rsa.token(t, map[string]any{"nbf": now + 60}), "token_invalid", "not valid before"},
		"valid since a clock ahead":           {rsa.token(t, map[string]any{"nbf": now + 20}), "ok", ""},
		"a beginning that is a text":          {rsa.token(t, map[string]any{"nbf": "now"}), "token_invalid", "nbf"},
		"another issuer":                      {rsa.token(t, map[string]any{"iss": "https://login.example/"}), "token_invalid", "iss"},
		"no issuer":                           {rsa.token(t, map[string]any{"iss": nil}), "token_invalid", "no iss: it must be \"https://login.example\""},
		"an issuer that is a list":            {rsa.token(t, map[string]any{"iss": []string{"https://login.example"}}), "token_invalid", "iss"},
		"another audience":                    {rsa.token(t, map[string]any{"aud": "billing"}), "token_invalid", "aud"},
		"an audience that begins alike":       {rsa.token(t, map[string]any{"aud": "emostream2"}), "token_invalid", "aud"},
		"no audience":                         {rsa.token(t, map[string]any{"aud": nil}), "token_invalid", "aud"},
		"other audiences":                     {rsa.token(t, map[string]any{"aud": []string{"a", "b"}}), "token_invalid", "aud"},
		"several audiences":                   {rsa.token(t, map[string]any{"aud": []string{"a", "emostream"}}), "ok", ""},
		"an audience that is an object":       {rsa.token(t, map[string]any{"aud": map[string]any{"emostream": true}}), "token_invalid", "aud"},
		"an audience among numbers":           {rsa.token(t, map[string]any{"aud": []any{1, "emostream"}}), "token_invalid", "aud"},
		"no subject":                          {rsa.token(t, map[string]any{"sub": nil}), "token_invalid", "sub"},
		"an empty subject":                    {rsa.token(t, map[string]any{"sub": ""}), "token_invalid", "sub"},
		"a subject that is a number":          {rsa.token(t, map[string]any{"sub": 42}), "token_invalid", "sub"},
		"a subject under another name":        {rsa.token(t, map[string]any{"Sub": "bob"}), "ok", ""},
		"the longest subject":                 {rsa.token(t, map[string]any{"sub": strings.Repeat("a", 128)}), "ok", ""},
		"a subject of 200 bytes":              {rsa.token(t, map[string]any{"sub": strings.Repeat("a", 200)}), "token_invalid", "200 bytes"},
		"scopes as a list":                    {rsa.token(t, map[string]any{"scope": []string{"emostream:send"}}), "token_invalid", "separated by spaces"},
		"scopes as an object":                 {rsa.token(t, map[string]any{"scope": map[string]any{"emostream:send": 1}}), "token_invalid", "separated by spaces"},
		"very many scopes":                    {rsa.token(t, map[string]any{"scope": strings.Repeat("emostream:send ", 65)}), "token_invalid", "64 scopes"},
		"no scopes":                           {rsa.token(t, map[string]any{"scope": nil}), "ok", ""},
		"8 KB of claims":                      {rsa.token(t, map[string]any{"photo": strings.Repeat("a", 8192)}), "token_invalid", "at most 8192"},
		"6 KB of claims in a million of them": {rsa.token(t, map[string]any{"list": make([]int, 2500)}), "ok", ""},
		"claims nested deeply":                {parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("[", 5000))) + "." + parts[2], "token_invalid", "three parts"},
		"claims that are a list":              {parts[0] + "." + part([]int{1}) + "." + parts[2], "token_invalid", "three parts"},
		"claims that are null":                {parts[0] + "." + part(nil) + "." + parts[2], "token_invalid", "signature"},
		"other claims":                        {parts[0] + "." + part(claims(map[string]any{"sub": "bob"})) + "." + parts[2], "token_invalid", "signature"},
		"a truncated signature":               {good[:len(good)-4], "token_invalid", "signature"},
		"a signature with a byte more":        {good + "AAAA", "token_invalid", "signature"},
		"no signature":                        {parts[0] + "." + parts[1] + ".", "token_invalid", "signature"},
		"two parts":                           {parts[0] + "." + parts[1], "token_invalid", "three parts"},
		"four parts":                          {good + ".AAAA", "token_invalid", "three parts"},
		"encrypted":                           {good + ".AAAA.AAAA", "token_invalid", "three parts"},
		"padded base64":                       {good + "==", "token_invalid", "signature"},
		"base64 with spare bits":              {good[:len(good)-1] + string(spareBits(good)), "token_invalid", "signature"},
		"base64 of another kind":              {strings.Replace(good, parts[2], strings.Repeat("+/", len(parts[2])/2), 1), "token_invalid", "signature"},
		"something that is no token":          {"abc", "token_invalid", "three parts"},
		"only dots":                           {"..", "token_invalid", "three parts"},
		"a kid that is no text":               {withHeader(t, rsa, map[string]any{"kid": map[string]any{}}), "token_invalid", "kid"},
		"a very long kid":                     {withHeader(t, rsa, map[string]any{"kid": strings.Repeat("k", 300)}), "token_invalid", "kid"},
		"any kid, since the key has none":     {withHeader(t, rsa, map[string]any{"kid": "../../etc/passwd"}), "ok", ""},
		"something critical":                  {withHeader(t, rsa, map[string]any{"crit": []string{"b64"}, "b64": false}), "token_invalid", "crit"},
		"a token that ends a session":         {withHeader(t, rsa, map[string]any{"typ": "logout+jwt"}), "token_invalid", "typ"},
		"an access token by its name":         {withHeader(t, rsa, map[string]any{"typ": "application/at+JWT"}), "ok", ""},
		"a type that is no text":              {withHeader(t, rsa, map[string]any{"typ": 1}), "token_invalid", "typ"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, again := range []bool{false, true} {
				c, refusal := g.Caller(requestWith("Bearer " + tt.token))
				if code(refusal) != tt.code || (c == nil) == (tt.code == "ok") {
					t.Fatalf("again %v: %s, %+v", again, code(refusal), refusal)
				}
				if refusal == nil {
					continue
				}
				if refusal.Status != http.StatusUnauthorized || refusal.Challenge != `Bearer realm="emostream", error="invalid_token"` || !strings.Contains(refusal.Message, tt.says) {
					t.Errorf("%+v", refusal)
				}
				if len(tt.token) > 20 && strings.Contains(refusal.Message, tt.token[len(tt.token)-20:]) || len(refusal.Message) > 400 {
					t.Errorf("the message has %d bytes, or the token: %s", len(refusal.Message), refusal.Message)
				}
			}
		})
	}
}

// spareBits returns another character for the last one of a text of base64, which stands
// for the same bytes.
func spareBits(raw string) byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return alphabet[strings.IndexByte(alphabet, raw[len(raw)-1])+1]
}

// withHeader returns a token that is good but for what its header says, too.
func withHeader(t *testing.T, l login, others map[string]any) string {
	t.Helper()
	raw, err := l.SignWithHeader(others, claims(nil))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestHeaders(t *testing.T) {
	l := newLogin(t, token.EC)
	g := newGate(t, access.Config{Keys: fileOf(t, l.public)})
	good, bob := l.token(t, nil), l.token(t, map[string]any{"sub": "bob"})
	for name, tt := range map[string]struct {
		url     string
		headers []string
		code    string
	}{
		"a token":                        {"/", []string{"Bearer " + good}, "ok"},
		"in small letters":               {"/", []string{"bearer " + good}, "ok"},
		"more spaces":                    {"/", []string{"Bearer   " + good + " "}, "ok"},
		"nothing":                        {"/", nil, "token_missing"},
		"an empty header":                {"/", []string{""}, "token_missing"},
		"a login of a proxy":             {"/", []string{"Basic YW5uOng="}, "token_missing"},
		"no scheme":                      {"/", []string{good}, "token_missing"},
		"no token":                       {"/", []string{"Bearer "}, "token_invalid"},
		"two tokens in two headers":      {"/", []string{"Bearer " + good, "Bearer " + bob}, "token_invalid"},
		"the same token twice":           {"/", []string{"Bearer " + good, "Bearer " + good}, "token_invalid"},
		"a login and a token":            {"/", []string{"Basic YW5uOng=", "Bearer " + good}, "token_invalid"},
		"two tokens in one header":       {"/", []string{"Bearer " + good + ", Bearer " + bob}, "token_invalid"},
		"two tokens behind one another":  {"/", []string{"Bearer " + good + " " + bob}, "token_invalid"},
		"a token in the query":           {"/?access_token=" + good, nil, "token_invalid"},
		"a token in the query, too":      {"/?token=" + good, []string{"Bearer " + good}, "token_invalid"},
		"an empty token in the query":    {"/?a=1&token=", nil, "token_invalid"},
		"something like it in the query": {"/?user_id=my-token=x", []string{"Bearer " + good}, "ok"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, tt.url, nil)
			r.Header["Authorization"] = tt.headers
			_, refusal := g.Caller(r)
			if code(refusal) != tt.code {
				t.Fatalf("%+v", refusal)
			}
			if refusal != nil && (refusal.Status != http.StatusUnauthorized || !strings.HasPrefix(refusal.Challenge, `Bearer realm="emostream"`)) {
				t.Errorf("%+v", refusal)
			}
		})
	}
}

// A token of each kind of key is taken, also with a certificate in the place of the key,
// and no other key takes it.
func TestKindsOfKeys(t *testing.T) {
	logins := map[string]login{}
	for _, kind := range []token.Kind{token.RSA, token.EC, token.Ed25519, token.Secret} {
		logins[string(kind)] = newLogin(t, kind)
	}
	for of, l := range logins {
		for by, key := range logins {
			g := newGate(t, access.Config{Keys: fileOf(t, key.public)})
			want := "token_invalid"
			if of == by {
				want = "ok"
			}
			if _, refusal := g.Caller(requestWith("Bearer " + l.token(t, nil))); code(refusal) != want {
				t.Errorf("a token of %s and a key of %s: %+v", of, by, refusal)
			}
		}
	}
	all := newGate(t, access.Config{Keys: fileOf(t, []byte(string(logins["rsa"].public)+string(logins["ec"].public)+string(logins["ed25519"].public)))})
	for of, l := range logins {
		if _, refusal := all.Caller(requestWith("Bearer " + l.token(t, nil))); (refusal == nil) != (of != "secret") {
			t.Errorf("a token of %s with three keys: %+v", of, refusal)
		}
	}
	for of, l := range logins {
		g := newGate(t, access.Config{Keys: fileOf(t, l.public)})
		raw := withHeader(t, l, map[string]any{"alg": "Ed25519"}) // as newer libraries call EdDSA
		if _, refusal := g.Caller(requestWith("Bearer " + raw)); (refusal == nil) != (of == "ed25519") {
			t.Errorf("a token of %s that says it is of Ed25519: %+v", of, refusal)
		}
		if _, refusal := g.Caller(requestWith("Bearer " + raw[:len(raw)-1] + "!")); code(refusal) != "token_invalid" {
			t.Errorf("with a broken signature: %+v", refusal)
		}
	}
	for curve, algorithm := range map[elliptic.Curve]string{elliptic.P384(): "ES384", elliptic.P521(): "ES512"} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		der, _ := x509.MarshalECPrivateKey(key)
		public, _ := x509.MarshalPKIXPublicKey(key.Public())
		signer, err := token.ReadSigner(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
		if err != nil {
			t.Fatal(err)
		}
		g := newGate(t, access.Config{Keys: fileOf(t, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))})
		raw := login{Signer: signer}.token(t, nil)
		header, _, err := token.Read(raw)
		if _, refusal := g.Caller(requestWith("Bearer " + raw)); refusal != nil || err != nil || header["alg"] != algorithm {
			t.Errorf("%s: %+v, %v, %v", algorithm, refusal, header, err)
		}
	}
}
