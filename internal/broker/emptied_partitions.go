package broker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/atomicfile"
)

// ends maps the names of partitions' folders to the offsets after the partitions' last
// records.
//
// After a restart kfake concludes from the records in a partition where the partition
// ends. If retention has removed all records, it would begin at offset 0 again. That is
// before the offsets that consumers have committed, so they would not read what is
// written from then on. So saveEnds writes the ends into a file before retention
// removes anything. restoreEnds gives an emptied partition its end back before kfake
// loads it.
type ends map[string]int64

// Names of kfake's folders and files below the data folder.
const (
	partitionsDir = "log/partitions" // a folder for each partition, topic-number
	snapshotFile  = "snapshot.json"
	segmentSuffix = ".dat" // of a segment's file, which is named by its first offset
)

func endsPath(dir string) string { return filepath.Join(dir, "ends.json") }

// saveEnds writes the ends of all partitions into the data folder.
func (b *Broker) saveEnds() error {
	dir := b.cfg.DataDir
	if dir == "" {
		return nil
	}
	folders, err := b.partitionFolders()
	if err != nil {
		return err
	}
	now := ends{}
	for key, name := range folders {
		if p := b.cluster.PartitionInfo(key.topic, key.partition); p != nil && p.HighWatermark > 0 {
			now[name] = p.HighWatermark
		}
	}
	text, err := json.Marshal(now)
	if err != nil {
		return fmt.Errorf("ends of the partitions: %w", err)
	}
	return atomicfile.WriteBytes(endsPath(dir), text, 0o600)
}

// partitionFolders returns the names of the folders of partitions.
func (b *Broker) partitionFolders() (map[partitionKey]string, error) {
	names := map[partitionKey]string{}
	if b.cfg.DataDir == "" {
		return names, nil
	}
	folders, err := os.ReadDir(filepath.Join(b.cfg.DataDir, filepath.FromSlash(partitionsDir)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("ends of the partitions: %w", err)
	}
	for _, f := range folders {
		cut := strings.LastIndexByte(f.Name(), '-')
		topic, err := url.PathUnescape(f.Name()[:max(cut, 0)])
		n, wrong := strconv.ParseInt(f.Name()[cut+1:], 10, 32)
		if errors.Join(err, wrong) == nil { // else it is not kfake's
			names[partitionKey{topic, int32(n)}] = f.Name()
		}
	}
	return names, nil
}

// restoreEnds gives emptied partitions their ends back. It must run before kfake
// loads the log.
func restoreEnds(dir string) error {
	text, err := os.ReadFile(endsPath(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	saved := ends{}
	if err == nil {
		err = json.Unmarshal(text, &saved)
	}
	for name, end := range saved {
		if err == nil {
			err = restoreEnd(filepath.Join(dir, filepath.FromSlash(partitionsDir), name), end)
		}
	}
	if err != nil {
		return fmt.Errorf("ends of the partitions: %w", err)
	}
	return nil
}

// restoreEnd marks an empty partition as one whose records before end were removed. For
// that it writes an empty segment and a snapshot into the partition's folder. A
// partition that holds records keeps its own end.
func restoreEnd(folder string, end int64) error {
	files, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the topic was deleted
	}
	if err != nil {
		return err
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), segmentSuffix) {
			continue
		}
		path := filepath.Join(folder, f.Name())
		info, err := os.Stat(path)
		if err != nil || info.Size() > 0 {
			return err
		}
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	type segment struct {
		BaseOffset int64 `json:"base_offset"`
		Size       int64 `json:"size"`
	}
	text, err := json.Marshal(struct {
		Version          int       `json:"version"`
		HighWatermark    int64     `json:"high_watermark"`
		LastStableOffset int64     `json:"last_stable_offset"`
		LogStartOffset   int64     `json:"log_start_offset"`
		CreatedAt        time.Time `json:"created_at"`
		Segments         []segment `json:"segments"`
	}{1, end, end, end, time.Now(), []segment{{BaseOffset: end}}})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, strconv.FormatInt(end, 10)+segmentSuffix), nil, 0o600); err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(folder, snapshotFile), text, 0o600)
}
