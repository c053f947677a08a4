package doctor_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/controls"
	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/inspect/doctor"
	"github.com/emostream/emostream/internal/quota"
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
			doctor.Port{Ours: true, CertificateEnds: -3 * time.Hour}, true, "the certificate of sub1 expired 3h0m0s ago", []string{"wrong a:1"},
		},
		"ours, with a certificate that ends, behind a proxy": {
			doctor.Port{Ours: true, CertificateEnds: 3 * time.Hour, Forwarded: true, Open: []httpserve.Opening{httpserve.NoAddressLimit}},
			true, "the certificate of sub1 expires in 3h0m0s",
			[]string{"note a:1", "note a:1", "note a:1"},
		},
		"ours, not ready, with a certificate that has ended": {
			doctor.Port{Ours: true, CertificateEnds: -3 * time.Hour, Unready: "no luck"}, true, "the certificate of sub1 expired 3h0m0s ago", []string{"wrong a:1", "wrong a:1"},
		},
		"forbidden": {doctor.Port{Err: "it is not permitted"}, true, "it is not permitted", []string{"wrong a:1"}},
	} {
		t.Run(name, func(t *testing.T) {
			tt.port.Address, tt.port.For = "a:1", "sub1"
			check(t, doctor.Ports([]doctor.Port{tt.port}, tt.settled), tt.says, tt.want...)
		})
	}
}

// A certificate that several servers show is told of once, with all of them.
func TestPortsThatShareACertificate(t *testing.T) {
	port := func(number int, of, certificate string, ends time.Duration) doctor.Port {
		return doctor.Port{Address: fmt.Sprint("a:", number), For: of, Ours: true, Certificate: certificate, CertificateEnds: ends}
	}
	got := doctor.Ports([]doctor.Port{
		port(1, "the main server", "A", 3*time.Hour), port(2, "sub1", "A", 3*time.Hour), port(3, "sub2", "B", 500*time.Hour), port(4, "sub3", "C", -time.Hour), port(5, "sub4", "A", 3*time.Hour),
	}, true)
	check(t, got, "the certificate of the main server, sub1, sub4 expires in 3h0m0s", "note a:1", "wrong a:4")
	check(t, got, "the certificate of sub3 expired 1h0m0s ago", "note a:1", "wrong a:4")
}

func TestInForce(t *testing.T) {
	until := time.Date(2026, 11, 30, 20, 0, 0, 0, time.UTC)
	paused := controls.Control{Kind: controls.Channel, Name: "main", State: controls.Paused, Until: until, Reason: "back at eight", SetBy: "mary"}
	slowed := controls.Control{Kind: controls.Channel, Name: "room", State: controls.Slowed, PerUser: quota.Rate{PerSecond: 1, Burst: 1}}
	many := []controls.Control{}
	for i := range 12 {
		many = append(many, controls.Control{Kind: controls.Channel, Name: fmt.Sprint("room", i), State: controls.Closed})
	}
	for name, tt := range map[string]struct {
		all  []controls.Control
		says string
		want []string
	}{
		"nothing":        {nil, "nothing is set", nil},
		"paused":         {[]controls.Control{paused}, "it is paused until 2026-11-30T20:00:00.000Z, set by mary: back at eight", []string{"note channel main"}},
		"slowed":         {[]controls.Control{slowed}, "it is slowed to 1/s for each user", []string{"note channel room"}},
		"users":          {[]controls.Control{{Kind: controls.User, Name: "eve", State: controls.Banned}}, "banned: 1", []string{"note users"}},
		"emojis":         {[]controls.Control{{Kind: controls.Emoji, Name: "💩", State: controls.Hidden}, {Kind: controls.Emoji, Name: "🍆", State: controls.Hidden}}, "hidden: 2", []string{"note emojis"}},
		"many channels":  {many, "2 more are paused, closed or slowed", append(notesOf(10), "note other channels")},
		"what to do":     {[]controls.Control{paused}, "emostream control resume main", []string{"note channel main"}},
		"why it matters": {[]controls.Control{slowed}, "more are refused", []string{"note channel room"}},
	} {
		t.Run(name, func(t *testing.T) { check(t, doctor.InForce(tt.all), tt.says, tt.want...) })
	}
}

func notesOf(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprint("note channel room", i))
	}
	return all
}
