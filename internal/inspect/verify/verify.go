// Package verify checks the promise that every reaction in emoji-topic is counted in
// emoji-aggregated exactly once, by reading both and comparing. It shares no code
// with the aggregator: the rule that gives each reaction its window is written a
// second time here (window_rule.go). Of what the aggregator says of itself only its
// settings are used.
//
// # What is compared
//
// For each window, channel and emoji the number of reactions that the log holds
// with the greatest count that was written. Too few is lost, too many is doubled.
// Where the settings are not known, as when a Spark job counts and decides
// windows in its own way, only the sums over all windows are compared, by
// channel and emoji: a loss in one window can then hide behind a doubling in
// another.
//
// # Why it is right while reactions flow
//
// Neither topic stands still while the other is read, so that two numbers of
// different moments are compared. Two rules make the comparison sound.
//
// Doubled is sure when the counts are read first and the log afterwards, each to
// its end: a count was made of reactions that were in the log before it was
// written, so all of them are in what is read afterwards. Whatever was counted
// and is not there was never there. Reactions that come meanwhile only raise the
// log's number. They can hide a doubling, until they are counted themselves.
//
// Lost is sure for what was in the log at some moment P, once the counts are
// read so long after P that all of it should have been counted: that is what the
// time limit of Wait is for. Reactions after P owe nothing yet; but when they are
// counted they can stand in for a lost one of the same window, channel and emoji.
// So a window is not called good because its counts have reached what was owed,
// but only when, in one comparison, they were all that the log held then. A
// window that has ended soon gets no more reactions, and comes to that. One that
// never does within the time limit is undecided, and the report says so.
//
// Windows that have not ended by P owe nothing. Wait lets the newest window that
// the log holds at the start end before it takes P, so that every reaction of
// the start is owed; Check does not wait, and leaves the open windows out.
//
// A loss and a doubling of the same emoji in the same window and channel cancel
// out: no comparison of sums can tell them apart from good counts.
//
// # What retention takes
//
// Where records at the beginning of either topic are gone, the windows that they
// may have been in are left out, and the report says how many. See
// Comparison.leftOutUntil for the bound and why it holds.
package verify

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/internal/wire"
)

// Config says what to verify. Client is the only field that must be set.
type Config struct {
	Client *kafka.Client
	// Topics are the names of the installation's topics.
	Topics wire.Topics
	// Window and Lateness are the settings of the aggregator. Default: what the
	// last mark in emoji-partials says. If only one is given and there is no mark,
	// the other is 2 s or 10 s.
	Window, Lateness time.Duration
	// Stall is how long the brokers may go without an answer, or without a record
	// that they should have, before verifying gives up; default 15 s.
	Stall time.Duration
	// Progress, if set, is called after every piece of work.
	Progress func(Progress)
}

func (c Config) withDefaults() Config {
	if c.Stall == 0 {
		c.Stall = 15 * time.Second
	}
	if c.Progress == nil {
		c.Progress = func(Progress) {}
	}
	return c
}

// Progress is how far verifying has got.
type Progress struct {
	Read       int64     // records read so far, of all topics
	Known      int64     // records there were when the reading began
	Until      time.Time // if set: what is waited for is the end of the open window, which is then
	Difference int64     // reactions by which log and counts differed when they were last compared
}

// MissingError says which topics do not exist.
type MissingError struct{ Topics []string }

func (e *MissingError) Error() string {
	if len(e.Topics) == 1 {
		return fmt.Sprintf("topic %s does not exist", e.Topics[0])
	}
	return fmt.Sprintf("topics %s do not exist", strings.Join(e.Topics, " and "))
}

const (
	// settle is how long after its end a window may be incomplete without being
	// behind: the combiners' grace, what the reducers wait for partitions, and the
	// time that records take from one topic to the next.
	countingDelay = time.Second
	// pollInterval is the time between two comparisons.
	pollInterval = 200 * time.Millisecond
)

// Check compares once, without waiting: what the counting is behind with, of
// windows that ended a second ago or more, is reported as lost.
func Check(ctx context.Context, cfg Config) (Report, error) {
	return run(ctx, cfg, 0)
}

// Wait lets the window that is open end, at most a window and the lateness after
// the call, and then compares until all reactions that were there are found
// counted, or the limit is over. With a limit of zero it is Check.
func Wait(ctx context.Context, cfg Config, limit time.Duration) (Report, error) {
	return run(ctx, cfg, limit)
}

func run(ctx context.Context, cfg Config, limit time.Duration) (Report, error) {
	a, err := open(ctx, cfg.withDefaults())
	if err != nil {
		return Report{}, err
	}
	if err := a.readLog(ctx); err != nil {
		return Report{}, err
	}
	due := time.Now().Add(-countingDelay).UnixMilli()
	if limit > 0 && a.comparison.byWindow() {
		if due, err = a.windowEnd(ctx); err != nil {
			return Report{}, err
		}
	}
	a.comparison.Owe(due)
	if err := a.compareUntil(ctx, time.Now().Add(limit)); err != nil {
		return Report{}, err
	}
	r := a.comparison.Report()
	r.Source = a.source
	return r, nil
}

// windowEnd waits until the newest window of the log should have been counted,
// reads on, and returns the window's end. A record whose time is too far ahead is
// not waited for.
func (a *reader) windowEnd(ctx context.Context) (int64, error) {
	s := a.comparison.settings
	due := min(a.comparison.Newest(), time.Now().UnixMilli()+s.WindowMS+s.LatenessMS)
	over := time.UnixMilli(due).Add(countingDelay)
	if due == Never || time.Until(over) <= 0 {
		return due, nil
	}
	a.progress.Until = over
	a.reportProgress()
	if err := sleep.Until(ctx, over); err != nil {
		return due, err
	}
	a.progress.Until = time.Time{}
	return due, a.readLog(ctx)
}

// compareUntil compares until all is well, or it began to read the counts after
// the deadline. What seems to be doubled gets the same time: a leader that has
// just taken over may have hidden the log's last records.
func (a *reader) compareUntil(ctx context.Context, deadline time.Time) error {
	for {
		last := !time.Now().Before(deadline)
		if err := a.readCounts(ctx); err != nil {
			return err
		}
		if err := a.readLog(ctx); err != nil {
			return err
		}
		a.progress.Difference = a.comparison.Compare()
		if a.progress.Difference == 0 || last {
			return nil
		}
		a.reportProgress()
		if err := sleep.For(ctx, min(pollInterval, time.Until(deadline))); err != nil {
			return err
		}
	}
}
