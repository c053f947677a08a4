package wire_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/wire"
)

func TestControl(t *testing.T) {
	c := wire.Control{Kind: "user", Name: "a/b", State: "banned", PerUser: "1/s", Until: "2030-01-02T03:04:05.006Z", Reason: "spam 🎉", SetBy: "ann", SetAt: "2029-01-02T03:04:05.006Z"}
	if got := string(c.Key()); got != "user/a/b" {
		t.Errorf("its key is %s", got)
	}
	got, err := wire.DecodeControl(c.Key(), c.Encode())
	if diff := cmp.Diff(c, got); diff != "" || err != nil {
		t.Errorf("decoded again: %v (-want +got):\n%s", err, diff)
	}
	few := wire.Control{Kind: "channel", Name: "main", State: "paused"}
	if got := string(few.Encode()); got != `{"kind":"channel","name":"main","state":"paused"}` {
		t.Errorf("encoded as %s", got)
	}
	newer := `{"kind":"channel","name":"main","state":"paused","colour":"red","more":{"a":[1]}}`
	if got, err := wire.DecodeControl(few.Key(), []byte(newer)); got != few || err != nil {
		t.Errorf("with fields that nobody knows: %v, %v", got, err)
	}
}

func TestWhatIsNoControl(t *testing.T) {
	for key, value := range map[string]string{
		"":                                 `{"kind":"channel","name":"main","state":"paused"}`,
		"channel":                          `{"kind":"channel","name":"","state":"paused"}`,
		"channel/":                         `{"kind":"channel","name":"","state":"paused"}`,
		"channel/other":                    `{"kind":"channel","name":"main","state":"paused"}`,
		"user/main":                        `{"kind":"channel","name":"main","state":"paused"}`,
		"channel/a":                        "no JSON",
		"channel/b":                        `{"kind":"channel","name":"b"}`,
		"channel/c":                        `{"kind":"channel","name":"c","state":"` + strings.Repeat("x", 41) + `"}`,
		"channel/d":                        `{"kind":"channel","name":"d","state":"paused","per_user":"` + strings.Repeat("x", 41) + `"}`,
		"channel/e":                        `{"kind":"channel","name":"e","state":"paused","until":"2030-01-02"}`,
		"channel/f":                        `{"kind":"channel","name":"f","state":"paused","set_at":"2030-01-02"}`,
		"channel/g":                        `{"kind":"channel","name":"g","state":"paused","set_by":"` + strings.Repeat("x", 129) + `"}`,
		"channel/h":                        `{"kind":"channel","name":"h","state":"paused","reason":"a\nb"}`,
		"channel/i":                        `{"kind":"channel","name":"i","state":"paused","reason":"` + strings.Repeat("x", 201) + `"}`,
		"channel/j":                        `{"kind":"channel","name":"j","state":"paused"}` + strings.Repeat(" ", 4096),
		"channel/k":                        `{"kind":"channel","name":"k","state":7}`,
		strings.Repeat("x", 41) + "/main":  `{"kind":"` + strings.Repeat("x", 41) + `","name":"main","state":"paused"}`,
		"user/" + strings.Repeat("x", 129): `{"kind":"user","name":"` + strings.Repeat("x", 129) + `","state":"banned"}`,
	} {
		if c, err := wire.DecodeControl([]byte(key), []byte(value)); err == nil || len(err.Error()) > 400 {
			t.Errorf("%.40s %.80s is decoded as %v, %v", key, value, c, err)
		}
	}
}

func TestControlTime(t *testing.T) {
	if got := wire.ControlTime(time.Time{}); got != "" {
		t.Errorf("no time is %q", got)
	}
	if got := wire.ControlTime(time.Date(2030, 1, 2, 3, 4, 5, 6_999_999, time.FixedZone("", 3600))); got != "2030-01-02T02:04:05.006Z" {
		t.Errorf("a time is %q", got)
	}
}
