package loadgen

import (
	"cmp"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/loadgen/report"
)

// Config describes one run. Either Server or Publish must be set; all else may be zero.
type Config struct {
	// Server is the base URL of a main server of Emostream or of the Python system.
	Server string
	// Publish, if set, is another service that is loaded instead of Server.
	Publish *Publish
	// AllowRemote permits a target on another machine.
	AllowRemote bool
	// TLS says which certificates are trusted and shown, for https. Nil: those that the
	// system trusts, and none.
	TLS *tls.Config
	// Headers are lines like "Name: value" that are sent with every request, also with
	// those of listeners; each replaces the one of its name that would be sent.
	//
	// Values, bodies, and the paths and queries of URLs may hold placeholders: {{marker}}
	// is replaced by a text that is unique in the run, {{time}} by the time when the
	// request is due, {{seq}} by its number, {{user}} by the user who sends, and {{emoji}}
	// by the emoji that is sent. In requests of listeners, the marker and the number are
	// those of the listener, and the users have one after the other.
	Headers []string
	// Variable returns what ${NAME} stands for in headers and URLs, and, called with
	// "@FILE", what is in a file that a header names so. Nothing prints what it returns.
	Variable func(name string) (string, error)
	// Token, if set, returns the token that a user shows to Server with a request at some
	// moment, and until when it is valid. It is called by several goroutines, once for each
	// user, and again before the token ends; then all reactions of a request are those of
	// one user. Listeners show the tokens of the users in turn when they register.
	Token func(user string, at time.Time) (token string, until time.Time)
	// OK is a condition that an answer meets if it accepts what was sent, as in status==200
	// && !body.error. An answer that does not is refused. Default: the status tells.
	OK string
	// HTTP2 makes the run speak HTTP/2: agreed upon by TLS (ALPN) for https, and with
	// prior knowledge for http.
	HTTP2 bool
	// Lines are lines of data, which {{line}} stands for: each request has the next one,
	// and after the last the first. If another service is sent no Body, each is a body.
	Lines []string
	// Replay, if set, is reactions that are sent again, with their users and emojis instead
	// of Users and Kinds, one after the other and from the beginning again. With AsRecorded
	// they are sent once and with the time between them that there was, instead of Rate,
	// Stages, Burst and Duration.
	Replay     *Recording
	AsRecorded bool

	// Rate is how many reactions are due a second. 0 means a closed loop, in which each
	// connection sends as soon as it has an answer. Instead of Rate there may be Stages
	// or Burst, in the forms that ParseStages and ParseBurst read.
	Rate   float64
	Stages string
	Burst  string
	// Duration is how long to send; default 10 s. It is not used with Stages, which
	// have their own.
	Duration    time.Duration
	Connections int // connections that send; default 64
	Batch       int // reactions per request; default 1
	Kinds       int // how many different emojis; default 9, at most MaxKinds
	Users       int // how many user ids; default 1,000
	// Seed determines who sends what and which listeners leave: the same seed and
	// options make the same run. Default 1.
	Seed uint64
	// Timeout is how long a request may take; default 10 s.
	Timeout time.Duration
	// Drain is how long after the end of the schedule overdue requests may still be
	// sent, if the target is slow. Default: the length of the schedule, but at least 30
	// s.
	Drain time.Duration

	// Channels is over how many channels the run's reactions and listeners are spread;
	// default 1.
	Channels  int
	Listeners int // listeners that read; at least one for each channel, and for each of StreamURLs
	// Arrive is the time over which the listeners join evenly, while requests are sent.
	// One for each channel or stream is there before. Default: all join before sending
	// begins.
	Arrive time.Duration
	Churn  float64 // how many listeners leave and are replaced, a second
	// Further listeners, which have no share in the books: those that read slowly, in the
	// form that ParseSlow reads, those that never read, and those that connect and never
	// ask for a stream.
	Slow    string
	Stalled int
	Mute    int
	// BalanceTimeout is how long a run waits, after its last request, until what was
	// acknowledged has been shown; default 15 s.
	BalanceTimeout time.Duration
	// Silence is how long a stream may send nothing, not even a comment, while requests
	// are sent; then, after twice as long at most, a listener leaves it and comes back.
	// Default 30 s.
	Silence time.Duration
	// WarmUp is how long after its begin the load is not measured: what is due until then
	// is sent and must be shown to listeners, but is in no latency and no rate.
	WarmUp time.Duration
	// StartAt is when sending begins, so that several generators can begin together.
	// Zero, or a time that has passed, means at once.
	StartAt time.Time

	// WatchPIDs and WatchCommands name processes of the target on this machine; see
	// usage.Selection. The report says what they and their descendants spent.
	WatchPIDs     []int
	WatchCommands []string

	// Version is the version of the program, for the report.
	Version string
	// Observe, if set, is called about ten times a second, never by two goroutines at
	// once. It should return quickly. It does not influence the results.
	Observe func(Snapshot)
	// Live, if set, is called when a run begins, before it sends, with a function that
	// returns what is known of the run. That may be called at any time, by any
	// goroutine, also when the run is over. FindMax calls Live once for each of its runs.
	Live func(func() Live)
}

// Publish describes a service that takes in events over HTTP and gives them out over
// Server-Sent Events.
type Publish struct {
	// Events are posted to PostURL, and each comes out of all streams at StreamURLs.
	// Without streams the run has no listeners. All may hold placeholders in path and
	// query.
	PostURL    string
	StreamURLs []string
	// Body is the body of each post, with placeholders. Default: {"marker":"{{marker}}"}
	Body string
	// ContentType of the body; default application/json.
	ContentType string
	// Match is a regular expression that finds the marker in an event's data. The
	// marker is its first group, or the whole match if it has no group. Default: a
	// marker is found anywhere.
	Match string
}

func (c Config) withDefaults() Config {
	c.Connections = cmp.Or(c.Connections, 64)
	c.Batch = cmp.Or(c.Batch, 1)
	c.Channels = cmp.Or(c.Channels, 1)
	if c.Listeners > 0 { // each channel and each stream has one
		c.Listeners = max(c.Listeners, c.Channels)
		if c.Publish != nil {
			c.Listeners = max(c.Listeners, len(c.Publish.StreamURLs))
		}
	}
	c.Kinds = cmp.Or(c.Kinds, 9)
	c.Users = cmp.Or(c.Users, 1000)
	c.Seed = cmp.Or(c.Seed, 1)
	c.Duration = cmp.Or(c.Duration, 10*time.Second)
	c.Timeout = cmp.Or(c.Timeout, 10*time.Second)
	c.Silence = cmp.Or(c.Silence, 30*time.Second)
	c.BalanceTimeout = cmp.Or(c.BalanceTimeout, 15*time.Second)
	if c.Observe == nil {
		c.Observe = func(Snapshot) {}
	}
	if c.Live == nil {
		c.Live = func(func() Live) {}
	}
	return c
}

// BoundsError says that a field of a Config is out of bounds.
type BoundsError struct {
	Name    string // the field in lower case, as rate or churn; BalanceTimeout is patience
	Value   any
	Allowed string // the allowed values, in words
}

func (e *BoundsError) Error() string { return fmt.Sprintf("%s %v: %s", e.Name, e.Value, e.Allowed) }

// Check returns all errors of a configuration, joined.
func (c Config) Check() error {
	c = c.withDefaults()
	var errs []error
	number := func(name string, v, low, high float64) {
		if !(v >= low && v <= high) {
			allowed := fmt.Sprintf("%.0f to %.0f are allowed", low, high)
			errs = append(errs, &BoundsError{name, strconv.FormatFloat(v, 'f', -1, 64), allowed})
		}
	}
	length := func(name string, d time.Duration) {
		if d < 0 {
			errs = append(errs, &BoundsError{name, d, "nothing below 0 is allowed"})
		}
	}
	if c.Publish != nil && c.Batch > 1 {
		errs = append(errs, errors.New("another service knows no batches"))
	}
	if (c.Server == "") == (c.Publish == nil) {
		errs = append(errs, errors.New("want either a server or another service to publish to"))
	} else if _, err := c.templates(); err != nil {
		errs = append(errs, err)
	}
	if c.Publish != nil {
		if _, err := regexp.Compile(c.Publish.Match); err != nil {
			errs = append(errs, matchError(c.Publish.Match, err))
		}
	}
	if c.Publish != nil && c.Channels > 1 {
		errs = append(errs, errors.New("another service knows no channels"))
	}
	if p := c.Publish; p != nil && len(p.StreamURLs) > maxStreams {
		errs = append(errs, fmt.Errorf("%d streams: up to %d are allowed", len(p.StreamURLs), maxStreams))
	}
	if c.asRecorded() && (c.Rate != 0 || c.Stages+c.Burst != "" || c.Batch > 1) {
		errs = append(errs, errors.New("what is sent as it was recorded has no rate, stages, bursts or batches"))
	}
	if c.Stages != "" && c.Burst != "" || c.Rate != 0 && c.Stages+c.Burst != "" {
		errs = append(errs, errors.New("want one of a rate, stages and bursts"))
	}
	if s, err := c.schedule(); err != nil {
		errs = append(errs, err)
	} else {
		if c.WarmUp > 0 && c.WarmUp >= s.Length() {
			errs = append(errs, &BoundsError{"warm-up", c.WarmUp, fmt.Sprintf("less than %v is allowed, for which there is load", s.Length())})
		}
		if c.Arrive > max(0, s.Length()) {
			errs = append(errs, &BoundsError{"arrive", c.Arrive, fmt.Sprintf("up to %v is allowed, for which there is load", s.Length())})
		}
	}
	if err := c.checkWatch(); err != nil {
		errs = append(errs, err)
	}
	number("rate", c.Rate, 0, maxRate)
	number("churn", c.Churn, 0, 1e5)
	length("duration", c.Duration)
	length("timeout", c.Timeout)
	length("drain", c.Drain)
	length("silence", c.Silence)
	length("warm-up", c.WarmUp)
	length("patience", c.BalanceTimeout)
	number("connections", float64(c.Connections), 1, 100_000)
	number("batch", float64(c.Batch), 1, 10_000)
	number("kinds", float64(c.Kinds), 1, MaxKinds)
	if c.Token == nil {
		number("users", float64(c.Users), 1, 1e9)
	} else {
		number("users", float64(c.Users), 1, maxTokenUsers)
	}
	number("channels", float64(c.Channels), 1, MaxChannels)
	number("listeners", float64(c.Listeners), 0, 1e5)
	number("stalled", float64(c.Stalled), 0, maxDawdlers)
	number("mute", float64(c.Mute), 0, maxDawdlers)
	length("arrive", c.Arrive)
	if _, _, err := ParseSlow(c.Slow); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// closedLoop returns whether a request is due whenever a connection is free.
func (c Config) closedLoop() bool {
	return c.Rate == 0 && c.Stages == "" && c.Burst == "" && !c.asRecorded()
}

// asRecorded returns whether reactions are due as they were recorded.
func (c Config) asRecorded() bool { return c.Replay != nil && c.AsRecorded }

// schedule returns when requests are due.
func (c Config) schedule() (Schedule, error) {
	batch := float64(c.Batch)
	switch {
	case c.asRecorded():
		if c.Replay.span() > maxLength.Milliseconds() {
			return Schedule{}, fmt.Errorf("the reactions were recorded over more than %v, and cannot be sent as they were: give a rate, stages or bursts", maxLength)
		}
		return c.Replay.schedule(), nil
	case c.Stages != "":
		stages, err := ParseStages(c.Stages)
		if err != nil {
			return Schedule{}, err
		}
		for i := range stages {
			stages[i].From /= batch
			stages[i].To /= batch
		}
		return Staged(stages), nil
	case c.Burst != "":
		every, n, err := ParseBurst(c.Burst)
		if err != nil {
			return Schedule{}, err
		}
		return Bursts(every, max(1, n/int64(c.Batch)), c.Duration), nil
	default:
		return ConstantRate(c.Rate/batch, c.Duration), nil
	}
}

// options returns the part of the configuration that a report shows.
func (c Config) options(channels []string, length time.Duration) report.Options {
	target := c.Server
	if c.Publish != nil {
		target = c.Publish.PostURL
	}
	o := report.Options{
		Target: text.ShownURL(target), Rate: c.Rate, Stages: c.Stages, Burst: c.Burst, DurationMS: report.InMS(length), WarmUpMS: report.InMS(c.WarmUp),
		Connections: c.Connections, Listeners: c.listeners(), Stalled: c.Stalled, Churn: c.Churn,
		Batch: c.Batch, Channel: channelsInWords(channels), Requests: c.requestOptions(),
		TimeoutMS: report.InMS(c.Timeout), DrainMS: report.InMS(c.drain(length)), SilenceMS: report.InMS(c.Silence), PatienceMS: report.InMS(c.BalanceTimeout),
	}
	m := c.reactionMix()
	o.Kinds, o.Users = len(m.emojis), m.users
	o.Insecure, o.HTTP = c.insecure(), c.httpVersion()
	o.Mute, o.ArriveMS = c.Mute, report.InMS(c.Arrive)
	o.Slow, o.SlowPace, _ = ParseSlow(c.Slow)
	if c.Channels > 1 {
		o.Channels = c.Channels
	}
	if p := c.Publish; p != nil {
		if len(p.StreamURLs) > 1 {
			o.Streams = len(p.StreamURLs)
		}
		o.PostType, o.Match = p.ContentType, p.Match
		if p.Body != "" {
			sum := sha256.Sum256([]byte(p.Body))
			o.PostBody = fmt.Sprintf("%s, %x", text.Plural(int64(len(p.Body)), "byte"), sum[:4])
		}
	}
	return o
}

// listeners returns how many listeners there are to be: without a stream there are none.
func (c Config) listeners() int {
	if c.Publish != nil && len(c.Publish.StreamURLs) == 0 {
		return 0
	}
	return c.Listeners
}

// drain returns how long after the end of a schedule of some length requests are sent.
func (c Config) drain(length time.Duration) time.Duration {
	return cmp.Or(c.Drain, max(30*time.Second, length))
}
