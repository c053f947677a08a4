package doctor_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/inspect/doctor"
)

// check fails the test unless these findings, besides those that are ok, are the ones
// in want, each as "status check". says must be in the text of all of them together.
func check(t *testing.T, got []doctor.Finding, says string, want ...string) {
	t.Helper()
	var have []string
	said := ""
	for _, f := range got {
		told := f.Status == doctor.Wrong || f.Status == doctor.Note
		if f.Area == "" || f.Check == "" || f.Found == "" || told != (f.Why != "" && f.Do != "") {
			t.Errorf("a finding that does not say all: %+v", f)
		}
		if f.Status != doctor.OK {
			have = append(have, string(f.Status)+" "+f.Check)
		}
		said += strings.Join([]string{f.Found, f.Why, f.Do, ""}, "\n")
	}
	if d := cmp.Diff(slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(have))); d != "" {
		t.Errorf("findings (-want +got):\n%s", d)
	}
	if !strings.Contains(said, says) {
		t.Errorf("nothing says %q:\n%s", says, said)
	}
	if len(got) == 0 {
		t.Error("nothing was checked")
	}
}

func TestReportCounts(t *testing.T) {
	all := []doctor.Finding{
		{Status: doctor.OK}, {Status: doctor.Wrong}, {Status: doctor.Note}, {Status: doctor.Wrong}, {Status: doctor.Skipped},
	}
	got := doctor.NewReport(all)
	if d := cmp.Diff(doctor.Report{Checks: 5, Wrong: 2, Notes: 1, Skipped: 1, Findings: all}, got); d != "" {
		t.Error(d)
	}
}

func TestPorts(t *testing.T) {
	for name, tt := range map[string]struct {
		port    doctor.Port
		settled bool
		says    string
		want    []string
	}{
		"free": {doctor.Port{Free: true}, true, "free for sub1", nil},
		"ours": {doctor.Port{Ours: true}, true, "held by a server of Emostream", nil},
		"ours, where strangers may use any channel": {
			doctor.Port{Ours: true, Open: []httpserve.Opening{httpserve.AnyChannel}}, true, "serve --channels main,stage-*", []string{"note a:1"},
		},
		"ours, where strangers have no limits": {
			doctor.Port{Ours: true, Open: []httpserve.Opening{httpserve.AnyChannel, httpserve.NoAddressLimit, "something newer"}}, false, "leave --limit-address none out", []string{"note a:1", "note a:1"},
		},
		"ours, where keys cannot be read": {
			doctor.Port{Ours: true, Keys: "it answers 404", Open: []httpserve.Opening{httpserve.AnyChannel}}, false, "the keys of tokens cannot be read: it answers 404", []string{"wrong a:1", "note a:1"},
		},
		"ours, not ready for a reason of its own": {
			doctor.Port{Ours: true, Unready: "no luck"}, true, "sub1 is up and not ready: no luck", []string{"wrong a:1"},
		},
		"ours, not ready because Kafka is away": {doctor.Port{Ours: true, Unready: "no kafka"}, false, "", nil},
		"somebody's":                            {doctor.Port{}, true, "held, which is not a server of Emostream", []string{"wrong a:1"}},
		"a known process's": {
			doctor.Port{Owner: "nginx (pid 4)"}, true, "held by nginx (pid 4), which is not", []string{"wrong a:1"},
		},
		"ours, with a certificate": {doctor.Port{Ours: true, CertificateEnds: 49 * time.Hour}, true, "held by a server of Emostream", nil},
		"ours, with a certificate that ends": {
			doctor.Port{Ours: true, CertificateEnds: 3 * time.Hour}, true, "the certificate of sub1 expires in 3h0m0s", []string{"note a:1"},
		},
		"ours, with a certificate that has ended": {
			doctor.Port{Ours: true, CertificateEnds: -3 * time.Hour, Forwarded: true}, true, "the certificate of sub1 expired 3h0m0s ago", []string{"wrong a:1"},
		},
		"forbidden": {doctor.Port{Err: "it is not permitted"}, true, "it is not permitted", []string{"wrong a:1"}},
	} {
		t.Run(name, func(t *testing.T) {
			tt.port.Address, tt.port.For = "a:1", "sub1"
			check(t, doctor.Ports([]doctor.Port{tt.port}, tt.settled), tt.says, tt.want...)
		})
	}
}
