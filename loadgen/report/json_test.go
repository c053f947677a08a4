package report_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/loadgen/report"
)

func encoded(t *testing.T, r report.Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := report.WriteJSON(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile("../schema/report.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// validate checks JSON against the committed schema.
func validate(s *jsonschema.Schema, b []byte) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

// A report that an editor has put a byte order mark before is read, and one in UTF-16
// is refused by that name.
func TestJSONOfAnotherEditor(t *testing.T) {
	b := encoded(t, fabricate(load{seed: 1}))
	if _, err := report.ReadJSON(append([]byte("\ufeff"), b...)); err != nil {
		t.Error(err)
	}
	if _, err := report.ReadJSON([]byte("\xff\xfe{\x00}\x00")); err == nil || !strings.Contains(err.Error(), "it is UTF-16") {
		t.Errorf("UTF-16: %v", err)
	}
}

// A report that is written fits the schema, and reading it gives the same report.
func TestJSON(t *testing.T) {
	s := schema(t)
	for name, r := range reports() {
		t.Run(name, func(t *testing.T) {
			b := encoded(t, r)
			if err := validate(s, b); err != nil {
				t.Errorf("it does not fit the schema: %v", err)
			}
			got, err := report.ReadJSON(b)
			if err != nil {
				t.Fatal(err)
			}
			again := encoded(t, got)
			if d := cmp.Diff(string(b), string(again)); d != "" {
				t.Errorf("read and written again it differs (-first +second):\n%s", d)
			}
		})
	}
}

// The report of a real run fits the schema too.
func TestJSONOfARun(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer target.Close()
	r, err := loadgen.Run(t.Context(), loadgen.Config{
		Publish: &loadgen.Publish{PostURL: target.URL}, Rate: 50, Duration: 200 * time.Millisecond, Connections: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Thresholds = report.Evaluate(conditions("accepted>0", "lost==0"), r)
	b := encoded(t, r)
	if err := validate(schema(t), b); err != nil {
		t.Errorf("it does not fit the schema: %v", err)
	}
	if _, err := report.ReadJSON(b); err != nil {
		t.Error(err)
	}
}

// The report has the keys that scripts rely on.
func TestJSONKeys(t *testing.T) {
	var keys map[string]any
	if err := json.Unmarshal(encoded(t, reports()["missed"]), &keys); err != nil {
		t.Fatal(err)
	}
	for key := range strings.FieldsSeq("sent accepted rejected in_doubt errors counted lost doubled shifted invalid environment options seed") {
		if _, ok := keys[key]; !ok {
			t.Errorf("there is no %s", key)
		}
	}
	for name := range strings.FieldsSeq("send_delay ack overhead e2e") {
		l, _ := keys["latency"].(map[string]any)[name].(map[string]any)
		for q := range strings.FieldsSeq("p50 p90 p99 p999 max") {
			if _, ok := l[q].(float64); !ok {
				t.Errorf("there is no latency.%s.%s", name, q)
			}
		}
	}
}

// The schema and ReadJSON refuse the same damage, and the error of ReadJSON names it.
func TestJSONThatIsDamaged(t *testing.T) {
	s := schema(t)
	good := string(encoded(t, fabricate(load{seed: 1, seconds: 2, lost: 1})))
	replace := func(old, by string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("the report has no %s", old)
		}
		return strings.Replace(good, old, by, 1)
	}
	for name, test := range map[string]struct {
		text, want string
		fits       bool // whether it fits the schema, which cannot check a histogram
	}{
		"nothing":             {"", "it is empty", false},
		"half":                {good[:len(good)/2], "it ends too early", false},
		"no JSON":             {"sent: 1\n", "line 1: it is no JSON", false},
		"two reports":         {good + good, "it is no JSON", false},
		"other JSON":          {`{"a":1}`, "it has no schema", false},
		"a list":              {`[]`, "should be an object", false},
		"another schema":      {replace(report.Schema, "emostream-bench/2"), `its schema is "emostream-bench/2" and this version reads "emostream-bench/1"`, false},
		"unknown key":         {replace(`"sent":`, `"spent": 1, "sent":`), `unknown field "spent"`, false},
		"missing key":         {replace(`"accepted":`, `"sent":`), "accepted is missing", false},
		"missing quantile":    {replace(`"p999":`, `"p99":`), "latency.ack.p999 is missing", false},
		"missing in a series": {replace(`"at_ms":`, `"asked":`), "series[0].at_ms is missing", false},
		"wrong type":          {replace(`"sent": 4000`, `"sent": "many"`), "sent is string and should be a whole number", false},
		"fraction":            {replace(`"sent": 4000`, `"sent": 4000.5`), "sent is number 4000.5 and should be a whole number", false},
		"unknown latency":     {replace(`"ack": {`, `"hack": {`), "latency.hack is not known: there are send_delay, ack", false},
		"other histogram":     {replace(`"count": 400`, `"count": 401`), "its histogram holds 400 values and its count says 401", true},
		"other setting":       {replace(`"seed":`, `"scenario": {"rate": 5, "users": {}}, "seed":`), "scenario.users should be a string, a number, true, false or an array of strings", false},
		"list of numbers":     {replace(`"seed":`, `"scenario": {"threshold": [1]}, "seed":`), "scenario.threshold should be", false},
		"nothing as setting":  {replace(`"seed":`, `"scenario": {"rate": null}, "seed":`), "scenario.rate should be", false},
		"broken histogram":    {replace(`"histogram": "HIST`, `"histogram": "TSIH`), "histogram: ", true},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := report.ReadJSON([]byte(test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if err := validate(s, []byte(test.text)); (err == nil) != test.fits && name != "missing key" {
				t.Errorf("the schema says %v", err)
			}
		})
	}
}

// An error about a file contains the file's name.
func TestReadFileNamesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "damaged.json")
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, path + ".absent"} {
		if _, err := report.ReadFile(p); err == nil || !strings.Contains(err.Error(), p) {
			t.Errorf("%s: %v", p, err)
		}
	}
}
