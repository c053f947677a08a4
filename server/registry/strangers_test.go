package registry_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/roster"
)

// One address that registers again and again does not make the servers full for others,
// and what it registers fills nothing for good.
func TestRegistrationsOfOneAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		servers := []roster.Entry{server("sub1", 0, 1000), server("sub2", 600, 1000)}
		c := newCalls(servers...)
		beat := func() {
			<-time.After(time.Second)
			for i := range servers {
				c.roster.Apply(servers[i].ServerStatus, time.Now())
			}
		}
		given := 0
		for second := range 10 {
			before := given
			answers := make(chan *httptest.ResponseRecorder, 3_000)
			for range cap(answers) {
				go func() { answers <- c.doFrom("192.0.2.1:1", "GET", "/register", "", "") }()
			}
			for range cap(answers) {
				got := <-answers
				if got.Code == http.StatusOK {
					given++
				} else if p := answer[problem](t, got, http.StatusServiceUnavailable); p.Code != "overloaded" || got.Header().Get("Retry-After") != "2" {
					t.Fatalf("refused with %+v", p)
				}
			}
			if n := given - before; n > 1400/4 || second == 0 && n != 1400/4 {
				t.Errorf("in second %d it was given %d places", second, n)
			}
			for i := range 100 {
				if got := c.doFrom(fmt.Sprintf("198.51.100.%d:1", i), "GET", "/register", "", ""); got.Code != http.StatusOK {
					t.Fatalf("somebody else: %d %s", got.Code, got.Body)
				}
			}
			for range 100 { // who gives places back is not given more of them
				c.doFrom("192.0.2.1:1", "POST", "/unregister", asJSON, `{"server":"sub1"}`)
			}
			beat()
		}
		if given < 350 || given > 5*350 {
			t.Errorf("in 10 s it was given %d places", given)
		}
		beat()
		beat()
		for _, s := range c.roster.All() {
			if got := c.do("GET", "/v1/servers", "", ""); strings.Contains(got.Body.String(), `"pending":1`) {
				t.Errorf("%s: %s", s.Name, got.Body)
			}
		}
	})
}

// An address may always be given a place if there is one, and a share even of few.
func TestShareOfFewPlaces(t *testing.T) {
	for free, want := range map[int]int{0: 0, 1: 1, 3: 1, 4: 1, 7: 1, 8: 2, 11: 2, 12: 3} {
		t.Run(fmt.Sprint(free), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCalls(server("sub1", 88, 88+free))
				given := 0
				for range 20 {
					if c.doFrom("[2001:db8::1]:1", "GET", "/register", "", "").Code == http.StatusOK {
						given++
					}
				}
				if given != want {
					t.Errorf("given %d, want %d", given, want)
				}
			})
		})
	}
}

// A page of another site takes no places from its visitors' browsers, unless it is
// invited. Programs say nothing of sites.
func TestPagesOfOtherSites(t *testing.T) {
	for name, tt := range map[string]struct {
		headers []string
		status  int
	}{
		"a program":                        {nil, 200},
		"an address that was typed":        {[]string{"Sec-Fetch-Site", "none"}, 200},
		"a page of this server":            {[]string{"Sec-Fetch-Site", "same-origin", "Referer", "http://emo/"}, 200},
		"a page of an invited origin":      {[]string{"Sec-Fetch-Site", "cross-site", "Origin", "https://app.example"}, 200},
		"an image in a page":               {[]string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}, 403},
		"a page of another port":           {[]string{"Sec-Fetch-Site", "same-site"}, 403},
		"a page of an origin not invited":  {[]string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, 403},
		"a page of an origin like invited": {[]string{"Sec-Fetch-Site", "cross-site", "Origin", "https://app.example.evil"}, 403},
		"a page, says an older browser":    {[]string{"Referer", "http://evil.example/"}, 403},
		"our page, in an older browser":    {[]string{"Referer", "http://emo.example/"}, 200},
		"a page without an origin":         {[]string{"Sec-Fetch-Site", "cross-site", "Origin", "null"}, 403},
	} {
		t.Run(name, func(t *testing.T) {
			for _, method := range []string{"GET", "POST"} {
				c := newCalls(server("sub1", 0, 1))
				got := c.doFrom("127.0.0.1:1", method, "/register", "", "", tt.headers...)
				if got.Code != tt.status || tt.status == 403 && answer[problem](t, got, 403).Code != "cross_site" {
					t.Errorf("%s answered %d %s", method, got.Code, got.Body)
				}
				if n := c.do("GET", "/register", "", "").Code; (n == 200) != (tt.status == 403) {
					t.Errorf("the place: %d after %d", n, tt.status)
				}
			}
		})
	}
}
