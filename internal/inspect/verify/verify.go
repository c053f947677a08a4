// Package verify checks the promise that every reaction in emoji-topic is counted in
// emoji-aggregated exactly once. It reads both topics and compares them. With the
// aggregator it shares only the rule that assigns reactions to windows
// (internal/windowing). Of what the aggregator writes about itself, only its settings
// are used.
//
// # What is compared
//
// For each window, channel and emoji, the number of reactions in the log is compared
// with the greatest count that was written. If too few are counted, reactions are lost;
// if too many, doubled. Where the settings are not known, as when a Spark job counts
// and assigns windows in its own way, only the sums over all windows are compared, by
// channel and emoji. A loss in one window can then hide behind a doubling in another.
// Reactions that are newer than all windows that were written are open then, since a job
// may write its last windows only when later reactions come; unfinished.go says when that
// leaves it undecided whether all others were counted.
//
// # Why it is right while reactions flow
//
// Neither topic stands still while the other is read, so numbers of different moments
// are compared. Two rules make the comparison sound.
//
// A doubling is certain if the counts are read first and the log afterwards, each to
// its end. A count is made of reactions that were in the log before it was written, so
// all of them are in the log when it is read afterwards. What was counted and is not in
// the log was never there. Reactions that arrive meanwhile only raise the log's number.
// They can hide a doubling, until they are counted themselves.
//
// A loss is certain for reactions that were in the log at some moment P, if the counts
// are read so long after P that all of these should have been counted. The time limit
// of Wait is for that. Reactions after P need not be counted yet; but once they are
// counted they can stand in for lost ones of the same window, channel and emoji. So it
// is not enough that a window's count reaches the number that is owed. It must reach,
// in one comparison, all that the log holds at that moment. Soon after a window has
// ended no more reactions of it come, so that its count can reach this. If it does not
// within the time limit, the window is undecided, and the report says so.
//
// Windows that have not ended by P owe nothing. Wait takes P only after the newest
// window that had reactions in the log at the start has ended, so that all these
// reactions are owed. Check does not wait, and leaves the open windows out.
//
// A loss and a doubling of the same emoji in the same window and channel cancel out: no
// comparison of sums can tell them from correct counts.
//
// # What cannot be read
//
// Reactions and counts are read as the aggregator reads them: without those of
// transactions that were aborted. What lies behind a transaction that is open is not
// read. Behind one in the log nothing is counted yet, and nothing is compared. Behind one
// in emoji-aggregated or emoji-partials there may be the counts of what seems to be
// lost; then the loss is undecided.
//
// # What retention removes
//
// If records at the beginning of either topic were removed, the windows that they may
// have been in are left out, and the report says how many. Comparison.leftOutUntil has
// the bound, and why it holds.
package verify

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/internal/wire"
)

// Config says what to verify. Client is the only field that must be set.
type Config struct {
	Client *kafka.Client
	// Topics are the names of the installation's topics.
	Topics wire.Topics
	// Window and Lateness are the settings of the aggregator. Default: those of the
	// newest mark in emoji-partials. If only one is given and there is no mark, the
	// other is 2 s or 10 s.
	Window, Lateness time.Duration
	// Stall is how long verifying waits for an answer of the brokers, or for a record
	// that they should have, before it gives up; default 15 s.
	Stall time.Duration
	// Progress, if set, is called after every batch of records and every comparison
	// that found differences.
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
	Known      int64     // records to read, as known so far
	Until      time.Time // if set: the time until which it waits for the open window to end
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
	// countingDelay is how long after its end a window may be incomplete without being
	// behind: the combiners' grace, the time for which reducers wait for partitions,
	// and the time that records take from one topic to the next.
	countingDelay = time.Second
	// pollInterval is the time between two comparisons.
	pollInterval = 200 * time.Millisecond
)

// Check compares once, without waiting. Of windows that ended a second ago or earlier,
// it reports as lost what is not counted yet.
func Check(ctx context.Context, cfg Config) (Report, error) {
	return run(ctx, cfg, 0)
}

// Wait waits until the open window has ended, at most a window and the lateness after
// the call. It then compares again and again, until all reactions that were in the log
// are found counted or the limit is over. With a limit of zero it does the same as
// Check.
func Wait(ctx context.Context, cfg Config, limit time.Duration) (Report, error) {
	return run(ctx, cfg, limit)
}

func run(ctx context.Context, cfg Config, limit time.Duration) (Report, error) {
	a, err := open(ctx, cfg.withDefaults())
	if err != nil {
		return Report{}, err
	}
	if !a.comparison.byWindow() {
		if err := a.readCounts(ctx); err != nil {
			return Report{}, err
		}
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
	r.Ahead = a.comparison.Ahead(a.cfg.Topics.Reactions(), time.Now().UnixMilli())
	err = a.addUnread(ctx, &r)
	return r, err
}

// windowEnd waits until the newest window of the log should have been counted, reads
// the log on, and returns the window's end in ms. If a record's time is far in the
// future, it does not wait for it.
func (a *reader) windowEnd(ctx context.Context) (int64, error) {
	s := a.comparison.settings
	due := min(a.comparison.Newest(), time.Now().UnixMilli()+s.WindowMS+s.LatenessMS)
	over := time.UnixMilli(due).Add(countingDelay)
	if due == windowing.Never || time.Until(over) <= 0 {
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

// compareUntil compares until there is no difference. It ends after the first
// comparison whose counts it began to read after the deadline. A doubling gets the same
// time as a loss: a leader that has just taken over may hide the log's last records for
// a moment.
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
