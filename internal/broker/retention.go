package broker

import (
	"context"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// retention returns the broker's settings that bound the log of topics without settings
// of their own.
func (c Config) retention() map[string]string {
	return map[string]string{
		"log.retention.ms":    strconv.FormatInt(c.Retention.Milliseconds(), 10),
		"log.retention.bytes": strconv.FormatInt(c.partitionBytes(), 10),
		// Retention removes whole files: with small files the log stays near its bound.
		"log.segment.bytes": strconv.FormatInt(max(c.RetentionBytes/64, 1), 10),
		// A consumer group that comes back after a month goes on where it was.
		"offsets.retention.minutes": strconv.Itoa(10 * 365 * 24 * 60),
		// kfake must not remove anything by itself: Run does it.
		"log.cleaner.backoff.ms": strconv.FormatInt((10 * 365 * 24 * time.Hour).Milliseconds(), 10),
	}
}

// partitionBytes is how many bytes a partition keeps, unless its topic sets it.
func (c Config) partitionBytes() int64 { return max(c.RetentionBytes/8, 1) }

// topicNumber returns a setting of a topic that is a whole number. It returns false if
// the topic does not set it.
func topicNumber(topic *kfake.TopicInfo, setting string) (int64, bool) {
	text := topic.Configs[setting]
	if text == nil {
		return 0, false
	}
	n, err := strconv.ParseInt(*text, 10, 64)
	return n, err == nil
}

// Run applies retention and compaction every Config.Housekeeping until ctx ends. Then
// it closes the broker.
func (b *Broker) Run(ctx context.Context) error {
	t := time.NewTicker(b.cfg.Housekeeping)
	defer t.Stop()
	watch := time.NewTicker(min(watchInterval, b.cfg.Housekeeping))
	defer watch.Stop()
	for {
		select {
		case <-ctx.Done():
			return b.Close()
		case <-watch.C:
			b.uncommitted.watch(time.Now())
			// A topic that was made anew must not be given the end of the one before.
			// If it cannot be saved, retain says so.
			if b.uncommitted.replaced && b.saveEnds() == nil {
				b.uncommitted.replaced = false
			}
		case <-t.C:
			if err := b.retain(); err != nil {
				b.cfg.Logger.Warn("nothing is removed from the log", "error", err)
			}
		}
	}
}

// retain applies retention and compaction.
func (b *Broker) retain() error {
	if err := b.saveEnds(); err != nil {
		return err
	}
	folders, err := b.partitionFolders()
	if err != nil {
		return err
	}
	all := b.uncommitted.written() // in memory there are no folders
	for key := range folders {
		all[key] = true
	}
	b.uncommitted.retain(time.Now(), slices.Collect(maps.Keys(all)))
	return nil
}

// Size returns how many bytes the log takes on the disk; 0 if it is in memory.
func (b *Broker) Size() int64 {
	if b.cfg.DataDir == "" {
		return 0
	}
	return logSize(b.cfg.DataDir)
}

// logSize returns how many bytes the log in a data folder takes.
func logSize(dir string) int64 {
	n := int64(0)
	_ = filepath.WalkDir(filepath.Join(dir, "log"), func(_ string, file fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // files come and go
		}
		if info, err := file.Info(); err == nil && info.Mode().IsRegular() {
			n += info.Size()
		}
		return nil
	})
	return n
}
