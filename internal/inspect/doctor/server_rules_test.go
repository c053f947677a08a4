package doctor_test

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/inspect/doctor"
	"github.com/emostream/emostream/internal/wire"
)

func TestServers(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*doctor.Server)
		says   string
		want   []string
	}{
		"all is well":           {func(*doctor.Server) {}, "http://10.0.0.7:5001, 3/10 listeners", nil},
		"late, but not gone":    {func(s *doctor.Server) { s.Age = 5 * time.Second }, "", nil},
		"silent":                {func(s *doctor.Server) { s.Age = 43 * time.Second }, "silent for 43s; it was at http://10.0.0.7:5001", []string{"wrong sub1"}},
		"silent and gone":       {func(s *doctor.Server) { s.Age, s.Answers = 43*time.Second, false }, "", []string{"wrong sub1"}},
		"two of a name":         {func(s *doctor.Server) { s.Rival = "http://10.0.0.8:5001" }, "at http://10.0.0.7:5001 and http://10.0.0.8:5001", []string{"wrong sub1"}},
		"out of reach":          {func(s *doctor.Server) { s.Answers = false }, "does not answer from here", []string{"note sub1"}},
		"of an unknown host":    {func(s *doctor.Server) { s.Answers, s.NoHost = false, true }, "the name of that host cannot be looked up", []string{"wrong sub1"}},
		"only for itself":       {func(s *doctor.Server) { s.Answers, s.URL = false, "http://127.0.0.1:5001" }, "--public-url", []string{"wrong sub1"}},
		"only for itself, IPv6": {func(s *doctor.Server) { s.Answers, s.URL = false, "http://[::1]:5001" }, "", []string{"wrong sub1"}},
		"localhost":             {func(s *doctor.Server) { s.Answers, s.URL = false, "http://localhost:5001" }, "", []string{"wrong sub1"}},
		"page not invited":      {func(s *doctor.Server) { s.Uninvited = "https://emo.example" }, "--cors-origin https://emo.example", []string{"note sub1"}},
		"behind a stranger":     {func(s *doctor.Server) { s.Forwarded = true }, "it ignores X-Forwarded-For", []string{"note sub1"}},
		"of another name": {func(s *doctor.Server) {
			s.Answers, s.Untrusted = false, x509.HostnameError{Certificate: &x509.Certificate{DNSNames: []string{"a.example"}}, Host: "b.example"}
		}, "certificate is not to be trusted at http://10.0.0.7:5001: certificate is valid for a.example, not b.example", []string{"wrong sub1"}},
		"expired": {func(s *doctor.Server) {
			s.Answers, s.Untrusted = false, x509.CertificateInvalidError{Cert: &x509.Certificate{}, Reason: x509.Expired}
		}, "certificate has expired", []string{"wrong sub1"}},
		"of one's own":  {func(s *doctor.Server) { s.Answers, s.Untrusted = false, x509.UnknownAuthorityError{} }, "signed by unknown authority", []string{"note sub1"}},
		"of no cluster": {func(s *doctor.Server) { s.Orphan = true }, "its cluster_1 has no topic", []string{"wrong sub1"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := doctor.Server{
				ServerStatus: wire.ServerStatus{Name: "sub1", URL: "http://10.0.0.7:5001", Cluster: "cluster_1", Clients: 3, Capacity: 10},
				Answers:      true,
			}
			tt.change(&s)
			check(t, doctor.Servers([]doctor.Server{s}, doctor.Foreign{}), tt.says, tt.want...)
		})
	}
	for name, tt := range map[string]struct {
		tickets1, tickets2 bool
		key1, key2         string
		age1               time.Duration
		says               string
		want               []string
	}{
		"one key":                   {true, true, "a", "a", 0, "", nil},
		"no tickets":                {false, false, "", "", 0, "", nil},
		"two keys":                  {true, true, "a", "b", 0, "signed with another key than those of sub1", []string{"wrong sub2"}},
		"one says it, and no key":   {true, true, "a", "", 0, "it says that it checks tickets, and its heartbeat is not signed", []string{"wrong sub2"}},
		"one lets everybody in":     {true, false, "a", "", 0, "it lets in who has no ticket, and sub1 does not", []string{"note sub2"}},
		"one signs, and checks not": {true, false, "a", "a", 0, "", []string{"note sub2"}},
		"one with another key died": {true, true, "a", "b", time.Minute, "", []string{"wrong sub1"}},
	} {
		t.Run("tickets: "+name, func(t *testing.T) {
			one := doctor.Server{ServerStatus: wire.ServerStatus{Name: "sub1", Tickets: tt.tickets1}, TicketKey: tt.key1, Answers: true, Age: tt.age1}
			two := doctor.Server{ServerStatus: wire.ServerStatus{Name: "sub2", Tickets: tt.tickets2}, TicketKey: tt.key2, Answers: true}
			check(t, doctor.Servers([]doctor.Server{one, two}, doctor.Foreign{}), tt.says, tt.want...)
		})
	}
	t.Run("none", func(t *testing.T) {
		check(t, doctor.Servers(nil, doctor.Foreign{}), "none is announced", "note subscriber servers")
	})
	t.Run("foreign records", func(t *testing.T) {
		foreign := doctor.Foreign{Topic: "emostream-servers", Records: 3, Offset: 17, Reason: "heartbeat: no name"}
		check(t, doctor.Servers(nil, foreign), "3 records cannot be heartbeats of its servers; the last is at offset 17: heartbeat: no name",
			"wrong emostream-servers", "note subscriber servers")
	})
}

// The last heartbeat of each server counts. A server that announced that it leaves is
// left out. An instance that goes on after another one took over is a rival.
func TestLastBeats(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	type heard struct {
		name, instance, state string
		ago                   time.Duration
	}
	const serving = wire.StateServing
	for name, tt := range map[string]struct {
		beats []heard
		want  []string // "name instance age rival"
	}{
		"none":                    {nil, nil},
		"in the order of numbers": {[]heard{{"sub10", "a", serving, 2}, {"sub2", "b", serving, 1}}, []string{"sub2 b 1 ", "sub10 a 2 "}},
		"the last one counts":     {[]heard{{"sub1", "a", serving, 9}, {"sub1", "a", serving, 3}}, []string{"sub1 a 3 "}},
		"left in order":           {[]heard{{"sub1", "a", serving, 9}, {"sub1", "a", wire.StateGone, 3}}, nil},
		"started again":           {[]heard{{"sub1", "a", serving, 4}, {"sub1", "b", serving, 3}}, []string{"sub1 b 3 "}},
		"left and started again":  {[]heard{{"sub1", "a", wire.StateGone, 9}, {"sub1", "b", serving, 3}}, []string{"sub1 b 3 "}},
		"taken over, and it goes on": {
			[]heard{{"sub1", "a", serving, 5}, {"sub1", "b", serving, 4}, {"sub1", "a", serving, 3}}, []string{"sub1 a 3 url-b"},
		},
		"taken over, and it went on until it died": {
			[]heard{{"sub1", "a", serving, 9}, {"sub1", "b", serving, 8}, {"sub1", "a", serving, 6}, {"sub1", "b", serving, 1}}, []string{"sub1 b 1 "},
		},
		"taken over, went on, and gave way": {
			[]heard{{"sub1", "a", serving, 5}, {"sub1", "b", serving, 4}, {"sub1", "a", wire.StateGone, 3}, {"sub1", "b", serving, 2}, {"sub1", "b", serving, 1}},
			[]string{"sub1 b 1 "},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var statuses []wire.ServerStatus
			var at []time.Time
			for _, b := range tt.beats {
				statuses = append(statuses, wire.ServerStatus{Name: b.name, Instance: b.instance, State: b.state, URL: "url-" + b.instance})
				at = append(at, now.Add(-b.ago*time.Second))
			}
			var got []string
			for _, s := range doctor.LastBeats(statuses, at, now) {
				got = append(got, s.Name+" "+s.Instance+" "+s.Age.String()[:len(s.Age.String())-1]+" "+s.Rival)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}
