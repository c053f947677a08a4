package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// consumeFlags are the settings of consume.
type consumeFlags struct {
	kafkaFlags
	logFlags
	out           outputFlag
	topic         string
	fromBeginning bool
	records       int
	verify        verifyFlags
}

func newConsume(io streams) *cobra.Command {
	var f consumeFlags
	cmd := &cobra.Command{
		Use:   "consume",
		Short: "Follow a topic, or verify that every reaction was counted once",
		Long: `Consume follows a topic and prints a line for each record: of emoji-topic the
reactions, of any other its JSON. It joins no consumer group, so that it takes
nothing from anybody.

With --verify it reads emoji-topic and emoji-aggregated from their beginning,
compares them window by window, and fails with exit code 4 if a reaction was lost
or counted twice. It may run while reactions come in: it lets the window that is
open end, and waits for the counting to catch up. What retention has removed is
left out, and told of.`,
		Example: `  emostream consume
  emostream consume --topic emoji-aggregated --from-beginning -o json
  emostream consume --verify
  emostream consume --verify -o json --brokers kafka1:9092 --wait 1m`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd, io) },
	}
	f.kafkaFlags.add(cmd)
	fl := cmd.Flags()
	fl.StringVar(&f.topic, "topic", wire.Topics{}.Reactions(), "topic to follow, without the prefix: emoji-topic, emoji-aggregated, cluster_1, sub_1 ...")
	fl.BoolVar(&f.fromBeginning, "from-beginning", false, "begin with the oldest record that there is")
	fl.IntVarP(&f.records, "records", "n", 0, "end after so many records; 0: never")
	f.verify.add(cmd)
	f.out.add(cmd)
	f.logFlags.add(cmd, "warn")
	return cmd
}

func (f *consumeFlags) run(cmd *cobra.Command, io streams) error {
	asJSON, err := f.out.json()
	if err != nil {
		return err
	}
	log, err := f.logger(io.err)
	if err != nil {
		return err
	}
	if err := f.check(cmd); err != nil {
		return err
	}
	c, err := f.reach(cmd.Context(), "consume", log)
	switch {
	case errors.Is(err, errInterrupted):
		return f.ended()
	case err != nil:
		return err
	}
	defer c.Close()
	if f.verify.verify {
		return f.runVerify(cmd.Context(), io, c, asJSON)
	}
	return f.follow(cmd.Context(), io, c, asJSON)
}

func (f *consumeFlags) check(cmd *cobra.Command) error {
	if err := wire.CheckTopicName(f.topic); err != nil {
		return usagef("--topic: %w", err)
	}
	if f.records < 0 {
		return usagef("--records %d: want at least 0", f.records)
	}
	return f.verify.check(cmd)
}

// follow prints the records of a topic until ctx ends, or enough were seen.
func (f *consumeFlags) follow(ctx context.Context, io streams, c *kafka.Client, asJSON bool) error {
	topic := f.topicPrefix + f.topic
	next, err := f.begin(ctx, c, topic)
	switch {
	case ctx.Err() != nil:
		return f.ended()
	case err != nil:
		return err
	}
	_, _ = fmt.Fprintf(io.err, "following %s, %s\n", topic, plural(int64(len(next)), "partition"))
	p := &recordPrinter{out: bufio.NewWriter(io.out), json: asJSON, topic: topic, reactions: topic == f.names().Reactions(), most: f.records}
	g, reading := errgroup.WithContext(ctx)
	for partition, offset := range next {
		g.Go(func() error { return p.follow(reading, c.Reader(topic, partition), partition, offset, io.err) })
	}
	err = g.Wait()
	_, _ = fmt.Fprintf(io.err, "%s\n", plural(int64(p.seen), "record"))
	switch {
	case errors.Is(err, errEnough):
		return nil
	case ctx.Err() != nil:
		return f.ended()
	}
	return err
}

// ended is how a signal ends the command: well, unless it had an end of its own.
func (f *consumeFlags) ended() error {
	if f.records > 0 || f.verify.verify {
		return errInterrupted
	}
	return nil
}

// begin returns the offset to begin with, for each partition.
func (f *consumeFlags) begin(ctx context.Context, c *kafka.Client, topic string) ([]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, onceTimeout)
	defer cancel()
	states, err := c.Describe(ctx, topic)
	if err != nil {
		return nil, err
	}
	if err := states[0].Forbidden(); err != nil {
		return nil, err
	}
	if !states[0].Exists {
		return nil, fmt.Errorf("topic %s does not exist: emostream topics describe tells which ones do, and --topic-prefix is put before the name", topic)
	}
	next := make([]int64, states[0].Partitions)
	for p := range next {
		start, end, err := c.Offsets(ctx, topic, p)
		if err != nil {
			return nil, err
		}
		if next[p] = end; f.fromBeginning {
			next[p] = start
		}
	}
	return next, nil
}

// reach returns a client of a Kafka that answers.
func (k *kafkaFlags) reach(ctx context.Context, role string, log *slog.Logger) (*kafka.Client, error) {
	c, err := k.open(role, log)
	if err != nil {
		return nil, err
	}
	if _, err := c.Ping(ctx); err != nil {
		c.Close()
		if ctx.Err() != nil {
			return nil, errInterrupted
		}
		return nil, unreached(err)
	}
	return c, nil
}

// recordPrinter prints records as they come, those of one partition in their
// order.
type recordPrinter struct {
	json      bool
	topic     string
	reactions bool // the topic is that of reactions
	most      int  // records to print; 0: no end

	mu   sync.Mutex
	out  *bufio.Writer // flushed after every batch
	seen int
}

// follow prints a partition from an offset on. What retention removes before it
// was read is told of on notes.
func (p *recordPrinter) follow(ctx context.Context, r stream.Reader, partition int, next int64, notes io.Writer) error {
	for {
		b, err := r.Fetch(ctx, next, time.Second)
		if gone := (*stream.OutOfRangeError)(nil); errors.As(err, &gone) {
			if next = gone.Start; gone.Offset > gone.End {
				next = gone.End // the log has lost its tail, or was made anew
			}
			_, _ = fmt.Fprintf(notes, "%v: going on at %d\n", gone, next)
			continue
		}
		if err != nil {
			return err
		}
		if err := p.print(partition, b.Records); err != nil {
			return err
		}
		next = b.Next
	}
}

func (p *recordPrinter) print(partition int, records []stream.Record) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range records {
		if p.most > 0 && p.seen == p.most {
			break
		}
		p.seen++
		if _, err := p.out.Write(append(p.line(partition, r), '\n')); err != nil {
			return err
		}
	}
	if err := p.out.Flush(); err != nil {
		return err
	}
	if p.most > 0 && p.seen == p.most {
		return errEnough
	}
	return nil
}

func (p *recordPrinter) line(partition int, r stream.Record) []byte {
	if p.json {
		return jsonLine(p.topic, partition, r)
	}
	what, ok := "", false
	if p.reactions {
		what, ok = reactionLine(r.Value)
	}
	switch {
	case ok:
	case r.Value == nil:
		what = fmt.Sprintf("%s (no value)", r.Key)
	default:
		what = string(r.Value)
	}
	return []byte(time.UnixMilli(r.Time).Format("15:04:05.000") + "  " + printable(what))
}

// reactionLine tells a reaction: the emoji, who, and the client's timestamp.
func reactionLine(value []byte) (string, bool) {
	tap, err := wire.DecodeTap(value)
	if err != nil {
		return "", false
	}
	var by struct { // another program's may be numbers
		UserID    any `json:"user_id"`
		Timestamp any `json:"timestamp"`
	}
	by.UserID, by.Timestamp = "", ""
	_ = json.Unmarshal(value, &by) // it was read once
	s := fmt.Sprintf("%s  %v  %v", tap.Emoji, by.UserID, by.Timestamp)
	if len(tap.Channel) > 0 {
		s += fmt.Sprintf("  in %s", tap.Channel)
	}
	return s, true
}

// consumed is a record as -o json prints it.
type consumed struct {
	Topic     string `json:"topic"`
	Partition int    `json:"partition"`
	Offset    int64  `json:"offset"`
	Time      string `json:"time"`
	Key       string `json:"key,omitempty"`
	Value     any    `json:"value"` // JSON as it is, anything else as a string
}

func jsonLine(topic string, partition int, r stream.Record) []byte {
	c := consumed{topic, partition, r.Offset, string(wire.AppendTime(nil, r.Time)), string(r.Key), nil}
	switch {
	case r.Value == nil:
	case json.Valid(r.Value):
		c.Value = json.RawMessage(r.Value)
	default:
		c.Value = string(r.Value)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(c); err != nil {
		panic(err) // strings, integers and valid JSON always encode
	}
	return escapeControls(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// escapeControls escapes what JSON may hold as it is and a terminal must not get:
// DEL and the controls from U+0080 on, which can only stand in strings.
func escapeControls(line []byte) []byte {
	out := make([]byte, 0, len(line))
	for _, r := range string(line) { // what is no UTF-8 becomes U+FFFD
		if r >= 0x7f && r < 0xa0 {
			out = fmt.Appendf(out, `\u%04x`, r)
			continue
		}
		out = append(out, string(r)...)
	}
	return out
}

// plural is a number of things, as in "1 record" and "2,000 records".
func plural(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return thousands(n) + " " + thing + "s"
}

// thousands writes a number with commas.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
