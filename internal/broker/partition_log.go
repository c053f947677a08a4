package broker

import "time"

// partitionLog is what the broker knows of the records in a partition: at some moments,
// where it ended and how many bytes had been appended. kfake does not tell the offsets
// of batches.
type partitionLog struct {
	topicID [16]byte // a topic that is made anew has another id, and another log
	rows    []logRow
	size    int64 // of the partition at the last measure, without what was removed after that
	total   int64 // bytes appended so far
}

type logRow struct {
	at       time.Time
	end      int64 // the partition ended here
	appended int64 // so many bytes had been appended
}

// maxRows bounds the rows of a partition. The older half is thinned out then.
const maxRows = 4000

// measure notes how large a partition is now.
func (l *partitionLog) measure(now time.Time, start, end, size int64) {
	if n := len(l.rows); n > 0 && end < l.rows[n-1].end {
		*l = partitionLog{topicID: l.topicID} // the last measure was of the topic before this one
	}
	if len(l.rows) == 0 {
		l.rows = []logRow{{now, start, 0}}
	}
	l.total += max(0, size-l.size)
	l.size = size
	if last := l.rows[len(l.rows)-1]; last.end == end {
		return
	}
	l.rows = append(l.rows, logRow{now, end, l.total})
	if len(l.rows) > maxRows {
		kept := l.rows[:0]
		for i, row := range l.rows {
			if i == 0 || i%2 == 0 || i > maxRows/2 {
				kept = append(kept, row)
			}
		}
		l.rows = kept
	}
}

// before returns the last row that ends at offset or before, interpolated in the first
// rows, which are from the start of the broker.
func (l *partitionLog) before(offset int64) logRow {
	if len(l.rows) == 0 {
		return logRow{}
	}
	found := l.rows[0]
	for i, row := range l.rows {
		if row.end <= offset {
			found = row
			continue
		}
		if i == 1 && offset > found.end { // all that was there when the broker began
			found.appended += (row.appended - found.appended) * (offset - found.end) / (row.end - found.end)
			found.end = offset
		}
		break
	}
	return found
}

// expired returns the offset up to which records are older than maxAge, or more than
// maxBytes before the end; below 0: no bound.
func (l *partitionLog) expired(now time.Time, maxAge time.Duration, maxBytes int64) int64 {
	offset := int64(0)
	for _, row := range l.rows {
		if maxAge >= 0 && now.Sub(row.at) >= maxAge || maxBytes >= 0 && l.total-row.appended >= maxBytes {
			offset = row.end
		}
	}
	return offset
}
