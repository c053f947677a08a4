package loadgen_test

import (
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/loadgen"
)

func TestOKConditions(t *testing.T) {
	for _, tt := range []struct {
		condition string
		status    int
		body      string
		want      bool
	}{
		{"status==200", 200, "", true},
		{"status==200", 201, "", false},
		{"status in [200, 409]", 409, "", true},
		{"status>=200 and status<300", 204, "", true},
		{"status==200 && !body.error", 200, `{}`, true},
		{"status==200 && !body.error", 200, ``, true},
		{"status==200 && !body.error", 200, `{"error":null}`, true},
		{"status==200 && !body.error", 200, `{"error":""}`, true},
		{"status==200 && !body.error", 200, `{"error":"full"}`, false},
		{"status==200 && !body.error", 200, `{"error":{"code":3}}`, false},
		{"not body.error or body.code == 0", 200, `{"error":true,"code":0}`, true},
		{"body.ok", 200, `{"ok":true}`, true},
		{"body.ok", 200, `{"ok":"yes"}`, true},
		{"body.ok", 200, `{}`, false},
		{"body.count ?? 0", 200, `{}`, false},
		{"body.count ?? 1", 200, `{}`, true},
		{"body.results[0].accepted == 1", 200, `{"results":[{"accepted":1}]}`, true},
		{"body.ok ? status==200 : status==202", 202, `{}`, true},
		{`body == "queued"`, 200, "queued\n", true},
		{`body contains "queued"`, 200, "<p>queued", true},
		{`body.status startsWith "Message"`, 200, `{"status":"Message queued"}`, true},
		{"all(body, .ok)", 200, `[{"ok":true},{"ok":true}]`, true},
	} {
		if got, err := loadgen.Accepts(tt.condition, tt.status, tt.body); got != tt.want || err != nil {
			t.Errorf("%s of %d %s: %v, %v", tt.condition, tt.status, tt.body, got, err)
		}
	}
	if got, err := loadgen.Accepts("!body.error", 200, "no JSON"); got || err == nil {
		t.Errorf("a member of a text: %v, %v", got, err)
	}
}

// A condition that is wrong is refused with the place at which it is.
func TestOKConditionsThatAreWrong(t *testing.T) {
	for condition, want := range map[string]string{
		"status==200 &&":  "ok status==200 &&: unexpected token EOF at character 14",
		"status=200":      `ok status=200: unexpected token Operator("=") at character 7`,
		"stat==200":       "ok stat==200: unknown name stat at character 1 (there are status and body)",
		"status=='200'":   "ok status=='200': invalid operation: == (mismatched types int and string) at character 7",
		"200":             "ok 200: it is neither true nor false: want a condition like status==200 && !body.error",
		"status && 1 > 0": "ok status && 1 > 0: invalid operation: && (mismatched types int and bool) at character 8",
	} {
		err := loadgen.Config{Server: "http://localhost", OK: condition}.Check()
		if err == nil {
			t.Errorf("%s is taken", condition)
			continue
		}
		if _, ok := errors.AsType[*loadgen.BoundsError](err); !ok || err.Error() != want {
			t.Errorf("%s: got %v, want %s", condition, err, want)
		}
	}
}

// Answers are accepted by the condition alone; what fails it is refused under a name of
// its own, unless its status says more.
func TestRunJudgesAnswers(t *testing.T) {
	t.Parallel()
	url := serve(t, func(n int64, w http.ResponseWriter, _ *http.Request) {
		switch n % 10 {
		case 0:
			_, _ = io.WriteString(w, `{"error":"full"}`)
		case 1:
			_, _ = io.WriteString(w, "no JSON")
		case 2:
			w.WriteHeader(http.StatusConflict) // it has it already
		case 3:
			w.WriteHeader(http.StatusTooManyRequests)
		case 4:
			w.WriteHeader(http.StatusInternalServerError)
		default:
			_, _ = io.WriteString(w, `{"error":null}`)
		}
	})
	r, err := loadgen.Run(t.Context(), loadgen.Config{
		Publish: &loadgen.Publish{PostURL: url}, OK: "status==409 || status==200 && !body.error", Rate: 400, Duration: 500 * time.Millisecond, Connections: 4,
		Timeout: longTimeout, Drain: longTimeout,
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := [4]int64{r.Sent, r.Accepted, r.Rejected, r.InDoubt}, [4]int64{200, 120, 60, 20}; got != want {
		t.Errorf("sent, accepted, rejected, in doubt: got %v, want %v", got, want)
	}
	want := map[string]int64{"200 not ok": 20, "200 not ok (the body is no JSON)": 20, "429": 20, "500": 20}
	if diff := cmp.Diff(want, r.Errors); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

// What a body holds is never in the reason why a condition fails on it.
func TestOKFailuresTellNoBody(t *testing.T) {
	for _, condition := range []string{"int(body.auth) == 1", "body.auth > 3", "body.auth[0].x", "body.missing.deep", "fromJSON(body.auth).ok", "date(body.auth).Year() == 2000", "body.auth matches body.pattern", "body.list[7]"} {
		_, err := loadgen.Accepts(condition, 200, `{"auth":"Bearer s3cr3t","pattern":"s3cr3t(","list":[]}`)
		if err != nil && err.Error() != "--ok fails on this body" {
			t.Errorf("%s: %v", condition, err)
		}
	}
	if _, err := loadgen.Accepts("int(body.auth) == 1", 200, `{"auth":"Bearer s3cr3t"}`); err == nil {
		t.Error("int of a text is taken")
	}
}
