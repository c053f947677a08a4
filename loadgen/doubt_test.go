package loadgen_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/loadgen/report"
)

// What is lost beside reactions in doubt is not hidden by those that were counted: the
// report says how many may have been lost, and so does one that was merged from it.
func TestDoubtDoesNotHideWhatIsLost(t *testing.T) {
	t.Parallel()
	s := startFaulty(t, faults{drop: 40, doubt: 15})
	r, err := loadgen.Run(t.Context(), loadgen.Config{
		Server: s.url, Rate: 400, Duration: time.Second, Connections: 8, Kinds: 1, BalanceTimeout: 2 * time.Second, Drain: longTimeout, Timeout: longTimeout,
	})
	if err != nil {
		t.Fatal(err)
	}
	b := balanceOf(t, r)
	dropped, counted := s.injected["dropped"], s.injected["in doubt"]
	if dropped == 0 || counted == 0 || b.InDoubt != counted || b.Accepted != 400-counted {
		t.Fatalf("dropped %d, in doubt %d of %d: %+v", dropped, b.InDoubt, counted, b)
	}
	if r.LostAtMost == nil || b.Lost > dropped || *r.LostAtMost < dropped || *r.LostAtMost != b.Lost+counted {
		t.Errorf("%d were dropped, and %d to %v are said to be lost", dropped, b.Lost, r.LostAtMost)
	}
}

// A report holds whatever makes two runs unlike, and bodies only by their hash.
func TestReportHoldsTheOptions(t *testing.T) {
	t.Parallel()
	run := func(cfg loadgen.Config) report.Report {
		t.Helper()
		cfg.Publish.PostURL = serve(t, func(int64, http.ResponseWriter, *http.Request) {})
		cfg.Rate, cfg.Duration = 100, 50*time.Millisecond
		r, err := loadgen.Run(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	const secret = "token=s3cret {{seq}}"
	r := run(loadgen.Config{Publish: &loadgen.Publish{Body: secret, ContentType: "text/x", Match: "x"}, Timeout: time.Second, Drain: 2 * time.Second, Silence: 3 * time.Second, BalanceTimeout: 4 * time.Second})
	want := report.Options{TimeoutMS: 1000, DrainMS: 2000, SilenceMS: 3000, PatienceMS: 4000, PostType: "text/x", PostBody: "20 bytes, 78696863", Match: "x"}
	got := report.Options{
		TimeoutMS: r.Options.TimeoutMS, DrainMS: r.Options.DrainMS, SilenceMS: r.Options.SilenceMS, PatienceMS: r.Options.PatienceMS,
		PostType: r.Options.PostType, PostBody: r.Options.PostBody, Match: r.Options.Match,
	}
	if got != want {
		t.Errorf("options %+v, want %+v", got, want)
	}
	again := run(loadgen.Config{Publish: &loadgen.Publish{}})
	if o := again.Options; o.TimeoutMS != 10_000 || o.DrainMS != 30_000 || o.SilenceMS != 30_000 || o.PatienceMS != 15_000 || o.PostBody != "" {
		t.Errorf("defaults: %+v", o)
	}
	if r.ID == "" || r.ID == again.ID {
		t.Errorf("the ids of two runs are %q and %q", r.ID, again.ID)
	}
}
