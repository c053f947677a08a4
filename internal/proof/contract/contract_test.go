package contract_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/emostream/emostream/internal/proof/contract"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

func httpContract(t *testing.T) *contract.HTTP {
	t.Helper()
	h, err := contract.NewHTTP()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func messages(t *testing.T) *contract.Messages {
	t.Helper()
	m, err := contract.NewMessages()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// An answer that the document has is taken, and each way in which it can be another one is
// noticed.
func TestAnswers(t *testing.T) {
	h := httpContract(t)
	const queued = `{"status":"Message queued","accepted_at":"2026-11-23T14:42:06.122Z"}`
	refusal := func(code string) string { return fmt.Sprintf(`{"error":"why","code":%q,"request_id":"x"}`, code) }
	header := func(more ...string) http.Header {
		out := http.Header{"Content-Type": {"application/json"}}
		for i := 0; i+1 < len(more); i += 2 {
			out.Set(more[i], more[i+1])
		}
		return out
	}
	for name, tt := range map[string]struct {
		answer contract.Answer
		fault  string // empty: there is none
	}{
		"as it should be":           {contract.Answer{Method: "POST", Path: "/send_emoji", Status: 200, Header: header(), Body: []byte(queued)}, ""},
		"a header that all have":    {contract.Answer{Method: "POST", Path: "/send_emoji", Status: 200, Header: header("X-Request-Id", "7"), Body: []byte(queued)}, ""},
		"an unknown header":         {contract.Answer{Method: "POST", Path: "/send_emoji", Status: 200, Header: header("Server", "x"), Body: []byte(queued)}, "the header Server"},
		"a header of another form":  {contract.Answer{Method: "POST", Path: "/send_emoji", Status: 200, Header: header("X-Request-Id", "a b"), Body: []byte(queued)}, "X-Request-Id"},
		"an unknown field":          {contract.Answer{Method: "POST", Path: "/send_emoji", Status: 200, Header: header(), Body: []byte(queued[:len(queued)-1] + `,"x":1}`)}, "additional properties 'x'"},
		"a field less":              {contract.Answer{Method: "POST", Path: "/send_emoji", Status: 200, Header: header(), Body: []byte(`{"status":"Message queued"}`)}, "accepted_at"},
		"no JSON":                   {contract.Answer{Method: "POST", Path: "/send_emoji", Status: 200, Header: header(), Body: []byte(`{`)}, "not JSON"},
		"another content type":      {contract.Answer{Method: "POST", Path: "/send_emoji", Status: 200, Header: header("Content-Type", "text/plain"), Body: []byte(queued)}, "content type"},
		"an unknown status":         {contract.Answer{Method: "POST", Path: "/send_emoji", Status: 418, Header: header(), Body: []byte(refusal("teapot"))}, "no such status"},
		"an unknown code":           {contract.Answer{Method: "POST", Path: "/send_emoji", Status: 403, Header: header(), Body: []byte(refusal("cross_site"))}, "/code"},
		"a known code":              {contract.Answer{Method: "POST", Path: "/send_emoji", Status: 403, Header: header(), Body: []byte(refusal("paused"))}, ""},
		"a header less":             {contract.Answer{Method: "POST", Path: "/send_emoji", Status: 429, Header: header(), Body: []byte(refusal("rate_limited"))}, "no header Retry-After"},
		"that header":               {contract.Answer{Method: "POST", Path: "/send_emoji", Status: 429, Header: header("Retry-After", "1"), Body: []byte(refusal("rate_limited"))}, ""},
		"an unknown path":           {contract.Answer{Method: "GET", Path: "/v2/nothing", Status: 200, Header: header(), Body: []byte(`{}`)}, "no such path"},
		"nothing there":             {contract.Answer{Method: "GET", Path: "/v2/nothing", Status: 404, Header: header(), Body: []byte(refusal("not_found"))}, ""},
		"nothing where there is":    {contract.Answer{Method: "GET", Path: "/v1/config", Status: 404, Header: header(), Body: []byte(refusal("not_found"))}, "no such status"},
		"a stream of a main server": {contract.Answer{Method: "GET", Path: "/v1/swarm", Status: 200, Header: header()}, "no such path"},
		"an unknown method":         {contract.Answer{Method: "PUT", Path: "/v1/config", Status: 200, Header: header(), Body: []byte(`{}`)}, "no such method"},
		"no such method":            {contract.Answer{Method: "PUT", Path: "/v1/config", Status: 405, Header: header("Allow", "GET"), Body: []byte(refusal("method_not_allowed"))}, ""},
		"what it must not take":     {contract.Answer{Method: "POST", Path: "/send_emoji", Status: 200, Header: header(), Body: []byte(queued), SentType: "application/json", Sent: []byte(`{"emoji_type":"🔥","count":101}`)}, "has taken"},
		"what it may take":          {contract.Answer{Method: "POST", Path: "/send_emoji", Status: 200, Header: header(), Body: []byte(queued), SentType: "application/json", Sent: []byte(`{"emoji_type":"🔥","count":5.0,"more":true}`)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			tt.answer.Server, tt.answer.Whole = contract.Main, true
			err := h.Check(tt.answer)
			if tt.fault == "" && err != nil || tt.fault != "" && (err == nil || !strings.Contains(err.Error(), tt.fault)) {
				t.Errorf("%v, want %q", err, tt.fault)
			}
		})
	}
}

// What this program writes into topics is what the document says, and the other way round:
// every example of the document can be read.
func TestRecords(t *testing.T) {
	m := messages(t)
	window := wire.Window{Start: 1795443846000, End: 1795443848000}
	encoded := func(v any) []byte {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	count := wire.Count{Window: window, Emoji: "🔥", Count: 24, Scaled: 2.4, Channel: "stage-2"}
	swarm := wire.NewSwarm("main", window, []wire.EmojiCount{{Emoji: "🔥", Count: 24, Scaled: 2.4}}, 50)
	control := wire.Control{Kind: "user", Name: "ann/7", State: "banned", Until: "2026-11-23T20:15:00.000Z", Reason: "no", SetBy: "mary", SetAt: "2026-11-23T20:00:00.000Z"}
	status := wire.ServerStatus{Name: "sub7", Instance: "i", URL: "http://s", Topic: "sub_7", Cluster: "cluster_1", Capacity: 9, State: wire.StateServing, StartedAt: "2026-11-23T20:00:00.000Z", Time: "2026-11-23T20:00:00.000Z", Version: "v1", Tickets: true}
	good := map[string][]stream.Record{
		"emoji-topic": {
			{Value: wire.AppendReaction(nil, wire.Reaction{UserID: "ann", Emoji: "🔥", Timestamp: ""})},
			{Value: wire.AppendReaction(nil, wire.Reaction{UserID: "ann", Emoji: "🔥", Timestamp: "now", Channel: "stage-2"})},
			{Value: wire.WatermarkReset{Version: 1, Watermark: 1, Held: 0, Spent: []wire.WindowRange{{2, 4}}}.Encode()},
		},
		"emoji-partials": {
			{Value: wire.Progress{Partial: &wire.Partial{Version: 1, Partition: 3, End: window.End, Channel: "main", First: 7, Next: 9, Counts: map[string]int64{"🔥": 2}}}.Encode()},
			{Value: wire.Progress{Mark: &wire.Mark{Version: 1, Partitions: 4, Reducers: 1, Reported: 1, Closed: -5, Reset: 3, Reopened: 4, TopicID: "x", Settings: wire.Settings{WindowMS: 2000, LatenessMS: 10_000}}}.Encode()},
		},
		"emoji-aggregated": {
			{Value: encoded(count)},
			{Value: encoded(count), Headers: []stream.Header{{Key: wire.CompleteHeader, Value: []byte("2")}, {Key: wire.ClosedHeader, Value: wire.Closing{Reducers: 1, End: window.End, Reopened: 7}.Encode()}}},
		},
		"cluster_1":          {{Value: encoded(swarm)}},
		"sub_17":             {{Value: encoded(wire.NewSwarm("main", window, nil, 50))}},
		"emostream-servers":  {{Key: []byte("sub7"), Value: status.Encode()}},
		"emostream-controls": {{Key: control.Key(), Value: control.Encode()}, {Key: control.Key()}, {Key: control.Key(), Headers: []stream.Header{{Key: wire.HeaderEnded, Value: []byte("7")}}}},
		"emostream-clock":    {{Key: []byte("clock")}},
	}
	for topic, records := range good {
		for _, r := range records {
			if err := m.Record(topic, r); err != nil {
				t.Error(err)
			}
		}
	}
	for what, r := range map[string]stream.Record{
		"an unknown field":   {Value: []byte(`{"user_id":"ann","emoji_type":"🔥","timestamp":"","x":1}`)},
		"a field less":       {Value: []byte(`{"user_id":"ann","emoji_type":"🔥"}`)},
		"another type":       {Value: []byte(`{"user_id":7,"emoji_type":"🔥","timestamp":""}`)},
		"an unknown header":  {Value: wire.AppendReaction(nil, wire.Reaction{UserID: "ann", Emoji: "🔥"}), Headers: []stream.Header{{Key: "x"}}},
		"nothing":            {},
		"what is not JSON":   {Value: []byte("hello")},
		"a count":            {Value: encoded(count)},
		"two kinds of value": {Value: []byte(`{"user_id":"ann","emoji_type":"🔥","timestamp":"","watermark_reset":{"v":1,"watermark":1,"held":0}}`)},
	} {
		if m.Record("emoji-topic", r) == nil {
			t.Errorf("%s is taken for a reaction", what)
		}
	}
	if m.Record("another-topic", good["emoji-topic"][0]) == nil {
		t.Error("a topic that nobody knows is known")
	}
	for _, r := range []stream.Record{{Key: []byte("sub8")}, {Key: []byte("subway"), Value: status.Encode()}} {
		if m.Record("emostream-servers", r) == nil {
			t.Errorf("%q is taken for a heartbeat", r.Key)
		}
	}
}

// The examples of asyncapi.yaml are what it says, and this program reads them.
func TestExamples(t *testing.T) {
	text, err := os.ReadFile("../../../server/web/static/asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Components struct {
			Messages map[string]struct {
				Examples []struct{ Payload any }
			}
		}
	}
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	of := map[string]struct {
		topic, key string
		read       func(b []byte) error
	}{
		"reaction":       {"emoji-topic", "", func(b []byte) error { _, err := wire.DecodeReactionFields(b); return err }},
		"watermarkReset": {"emoji-topic", "", func(b []byte) error { _, _, err := wire.DecodeWatermarkReset(b); return err }},
		"partial":        {"emoji-partials", "", func(b []byte) error { _, err := wire.DecodeProgress(b); return err }},
		"mark":           {"emoji-partials", "", func(b []byte) error { _, err := wire.DecodeProgress(b); return err }},
		"count":          {"emoji-aggregated", "", func(b []byte) error { _, err := wire.DecodeCount(b); return err }},
		"swarm":          {"cluster_1", "", func(b []byte) error { _, err := wire.DecodeSwarm(b); return err }},
		"heartbeat":      {"emostream-servers", "sub1", func(b []byte) error { _, err := wire.Topics{}.DecodeServerStatus([]byte("sub1"), b); return err }},
		"control":        {"emostream-controls", "channel/main", func(b []byte) error { _, err := wire.DecodeControl([]byte("channel/main"), b); return err }},
		"swarmEvent":     {"/v1/swarm", "swarm", func(b []byte) error { _, err := wire.DecodeSwarm(b); return err }},
		"stateEvent":     {"/v1/swarm", "state", func(b []byte) error { _, err := wire.DecodeChannelState(b); return err }},
	}
	m := messages(t)
	for name, message := range document.Components.Messages {
		for _, example := range message.Examples {
			b, err := json.Marshal(example.Payload)
			if err != nil {
				t.Fatal(err)
			}
			as, known := of[name]
			if !known {
				continue
			}
			if err := as.read(b); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if strings.HasPrefix(as.topic, "/") {
				continue
			}
			if err := m.Record(as.topic, stream.Record{Key: []byte(as.key), Value: b}); err != nil {
				t.Error(err)
			}
		}
	}
	for name := range of {
		if len(document.Components.Messages[name].Examples) == 0 {
			t.Errorf("there is no example of %s", name)
		}
	}
}

// The frames of a stream are events of the document.
func TestEvents(t *testing.T) {
	m := messages(t)
	const swarm = `{"channel":"main","window":{"start":"2026-11-23T14:24:06.000Z","end":"2026-11-23T14:24:08.000Z"},"total":1,"emojis":[{"emoji_type":"🔥","emoji_count":1,"emoji_count_aggregated":1}]}`
	for name, tt := range map[string]struct {
		path, frames string
		fault        string
	}{
		"swarms":                 {"/v1/swarm", "retry: 2000\nid: 1795443848000\nevent: swarm\ndata: " + swarm + "\n\n:\nevent: swarm\ndata: " + swarm + "\n\n", ""},
		"signals":                {"/v1/swarm", "event: heartbeat\ndata: {}\n\nevent: state\ndata: {\"state\":\"open\"}\n\nretry: 7\nevent: farewell\ndata: {\"why\":\"stopping\",\"retry_ms\":7}\n\n", ""},
		"single emojis":          {"/sub12", "data: \"🔥\"\n\ndata: \"🔥\"\n\n", ""},
		"an event without data":  {"/v1/swarm", "retry: 2000\n\n", "no data"},
		"an unknown event":       {"/v1/swarm", "event: party\ndata: {}\n\n", "no event party"},
		"an unknown field":       {"/v1/swarm", "event: state\ndata: {\"state\":\"open\",\"x\":1}\n\n", "additional properties"},
		"an id of what is none":  {"/v1/swarm", "id: 7\nevent: heartbeat\ndata: {}\n\n", "has an id"},
		"an id that is no time":  {"/v1/swarm", "id: x\nevent: swarm\ndata: " + swarm + "\n\n", "no time"},
		"an emoji among swarms":  {"/v1/swarm", "data: \"🔥\"\n\n", "no event message"},
		"a line that is unknown": {"/sub1", "more: x\ndata: \"🔥\"\n\n", "a line"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, step := range []int{1, 7, 1 << 20} { // however the frames are cut
				got := ""
				base := answering(tt.frames, step)
				client := &http.Client{Transport: m.Transport(base, func(err error) { got += err.Error() })}
				res, err := client.Get("http://emo" + tt.path)
				if err != nil {
					t.Fatal(err)
				}
				all := make([]byte, 0, len(tt.frames))
				for {
					b := make([]byte, 512)
					n, err := res.Body.Read(b)
					if all = append(all, b[:n]...); err != nil {
						break
					}
				}
				_ = res.Body.Close()
				if string(all) != tt.frames {
					t.Errorf("read %q", all)
				}
				if tt.fault == "" && got != "" || !strings.Contains(got, tt.fault) {
					t.Errorf("%q, want %q", got, tt.fault)
				}
			}
		})
	}
}

// answering is a transport that answers with a stream, of which a read returns some bytes.
func answering(frames string, step int) http.RoundTripper {
	return roundTrip(func(r *http.Request) *http.Response {
		return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/event-stream"}}, Request: r, Body: io.NopCloser(&slowly{frames, step})}
	})
}

type roundTrip func(r *http.Request) *http.Response

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

type slowly struct {
	rest string
	step int
}

func (s *slowly) Read(b []byte) (int, error) {
	if s.rest == "" {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), s.step)], s.rest)
	s.rest = s.rest[n:]
	return n, nil
}
