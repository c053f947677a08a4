package publisher_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/publisher"
)

// committed fails the test unless the merger's commit is this one.
func committed(t *testing.T, m *publisher.Merger, offset, newestIncomplete int64, closed ...int64) {
	t.Helper()
	c := m.Commit()
	var got wire.PublisherCommit
	if err := json.Unmarshal([]byte(c.Metadata), &got); err != nil {
		t.Fatal(err)
	}
	want := wire.PublisherCommit{Version: 1, NewestIncomplete: newestIncomplete, Reducers: len(closed), Closed: closed}
	if diff := cmp.Diff(want, got); c.Offset != offset || diff != "" {
		t.Errorf("commit at %d, want %d; metadata (-want +got):\n%s", c.Offset, offset, diff)
	}
}

const never = math.MinInt64

// A commit is at the first record of the windows that are open, or that an empty swarm
// still has to follow.
func TestMergerCommitsWhatIsClosedAndSent(t *testing.T) {
	m := newMerger(t, publisher.Config{Horizon: 2 * time.Second})
	committed(t, m, 0, never)
	read(t, m, 2100, count(2000, "main", "🔥", 1), count(2000, "main", "😂", 1, "complete=2"))
	sent(t, m, 2100, "2000 main 2: 🔥1 😂1")
	committed(t, m, 0, never)
	read(t, m, 4100, count(4000, "main", "🔥", 1), count(4000, "main", "😂", 1, "complete=2", "closed=0/1:0"))
	sent(t, m, 4100, "4000 main 2: 🔥1 😂1")
	committed(t, m, 0, never, 0)
	read(t, m, 6100, count(6000, "main", "🔥", 1, "complete=1", "closed=0/1:2000"))
	sent(t, m, 6100, "6000 main 1: 🔥1")
	committed(t, m, 2, never, 2000)
	read(t, m, 6200, count(6000, "b", "🔥", 1), count(6000, "a", "🔥", 1, "complete=1", "closed=0/1:4000"))
	sent(t, m, 6200, "6000 a 1: 🔥1")
	committed(t, m, 4, never, 4000)
	read(t, m, 8100, count(8000, "main", "🔥", 1, "complete=1", "closed=0/1:6000"))
	committed(t, m, 5, never, 5999) // b is not sent yet, and a still gets its empty swarm
	sent(t, m, 8100, "6000 b 1: 🔥1", "8000 main 1: 🔥1")
	committed(t, m, 5, 6000, 5999)
	sent(t, m, 9000, "8000 a 0:")
	committed(t, m, 5, 6000, 5999)
	sent(t, m, 11_000, "10000 main 0:")
	committed(t, m, 5, 6000, 5999)
	sent(t, m, 11_199)
	sent(t, m, 11_200, "8000 b 0:") // the last window of b was not called complete, so this swarm waits longer
	committed(t, m, 7, 6000, 6000)
}

func TestMergerIgnoresWhatIsClosed(t *testing.T) {
	m := newMerger(t, publisher.Config{})
	read(t, m, 4100, count(2000, "main", "🔥", 1, "complete=1"), count(4000, "main", "🔥", 1, "complete=1", "closed=0/1:2000"))
	sent(t, m, 4100, "2000 main 1: 🔥1", "4000 main 1: 🔥1")
	committed(t, m, 1, never, 2000)
	read(t, m, 4200, count(2000, "main", "🔥", 9, "complete=1", "closed=0/1:0"), count(2000, "a", "🔥", 9, "complete=1"))
	sent(t, m, 4999)
	committed(t, m, 1, never, 2000)
}

// Each reducer closes the windows of its own channels.
func TestMergerHearsOfClosingFromEveryReducer(t *testing.T) {
	first, second := "a", "a"
	for i := range 99 {
		name := fmt.Sprint("stage-", i)
		if wire.PartitionOf(name, 2) == 0 {
			first = name
		} else {
			second = name
		}
	}
	m := newMerger(t, publisher.Config{})
	read(t, m, 4100, count(2000, first, "🔥", 1, "complete=1"), count(2000, second, "🔥", 1, "complete=1"))
	read(t, m, 4100, count(4000, first, "🔥", 1, "complete=1"), count(4000, second, "🔥", 1, "complete=1", "closed=1/2:2000"))
	confirm(m, 4100)
	committed(t, m, 0, never, never, 2000)
	read(t, m, 4100, count(2000, first, "🔥", 2, "complete=1"), count(2000, second, "🔥", 2, "complete=1"))
	sent(t, m, 4100, fmt.Sprintf("2000 %s 2: 🔥2", first))
	read(t, m, 4100, count(4000, first, "🔥", 2, "complete=1", "closed=0/2:2000"))
	confirm(m, 4100)
	committed(t, m, 2, never, 2000, 2000)

	// The number of reducers has changed: windows that the old ones closed are open
	// again until the new ones close them.
	read(t, m, 4200, count(4000, first, "🔥", 3, "complete=1", "closed=2/3:2000"))
	confirm(m, 4200)
	committed(t, m, 2, never, never, never, 2000)
}

func TestMergerIgnoresClosingsOfNobody(t *testing.T) {
	m := newMerger(t, publisher.Config{})
	for _, closed := range []string{"", "0", "1/1:9", "0/0:9", "0/1:x", "-1/2:9", "0/129:9"} {
		read(t, m, 2100, count(2000, "main", "🔥", 1, "complete=1", "closed="+closed))
	}
	confirm(m, 2100)
	committed(t, m, 0, never)
}

// If no reducer closes windows, a window that is far behind the newest one is closed.
func TestMergerHasAHorizon(t *testing.T) {
	m := newMerger(t, publisher.Config{Horizon: 10 * time.Second})
	read(t, m, 20000, count(2000, "main", "🔥", 1), count(12000, "main", "🔥", 1))
	committed(t, m, 0, never)
	sent(t, m, 20300, "2000 main 1: 🔥1", "12000 main 1: 🔥1")
	committed(t, m, 0, 12000)
	read(t, m, 20400, count(2000, "main", "🔥", 2))
	sent(t, m, 20700, "2000 main 2: 🔥2")

	read(t, m, 20800, count(14000, "main", "🔥", 1))
	sent(t, m, 21100, "14000 main 1: 🔥1")
	committed(t, m, 1, 14000)
	read(t, m, 21200, count(2000, "main", "🔥", 3), count(4000, "main", "🔥", 3))
	sent(t, m, 21500, "4000 main 3: 🔥3")
}

// A window that ends further ahead of the clock than the lateness and a minute is not
// sent, and does not close today's windows.
func TestMergerSkipsTheFuture(t *testing.T) {
	m := newMerger(t, publisher.Config{Horizon: 10 * time.Second, Lateness: 5 * time.Second})
	read(t, m, 20000, count(84999, "main", "🔥", 1), count(85000, "main", "🔥", 1))
	for _, r := range []stream.Record{count(85001, "main", "🔥", 1), count(1e9, "main", "🔥", 1, "complete=1", "closed=0/1:85001")} {
		r.Offset = m.Position()
		if err := m.Add(r, 20000); err == nil || !strings.Contains(err.Error(), "far ahead of the clock") || m.Position() != r.Offset+1 {
			t.Errorf("Add = %v, at %d", err, m.Position())
		}
	}
	sent(t, m, 20300, "84999 main 1: 🔥1", "85000 main 1: 🔥1")
	committed(t, m, 0, 20000)
	read(t, m, 20400, count(20000, "a", "🔥", 1))
	sent(t, m, 20700, "20000 a 1: 🔥1")
	read(t, m, 20700, count(20001, "a", "🔥", 1, "complete=1", "closed=0/1:20701"))
	sent(t, m, 20700, "20001 a 1: 🔥1") // right clocks close nothing that has not ended
	read(t, m, 20700, count(20002, "a", "🔥", 1, "complete=1", "closed=0/1:20700"))
	sent(t, m, 20700)
}

// Another program takes over from our reducers. Its newer windows close those that the
// reducers left open, and its own older ones.
func TestMergerGoesOnWithoutReducers(t *testing.T) {
	m := newMerger(t, publisher.Config{Horizon: 10 * time.Second})
	read(t, m, 2100, count(2000, "main", "🔥", 1, "complete=1", "closed=0/1:0"))
	sent(t, m, 2100, "2000 main 1: 🔥1")
	for end := int64(4000); end <= 100_000; end += 2000 {
		read(t, m, end+100, count(end, "main", "🔥", 1))
		sent(t, m, end+400, fmt.Sprintf("%d main 1: 🔥1", end))
	}
	committed(t, m, 44, 100_000, 0) // the record at 44 is of the window that ends at 90000
}

// A window may be closed while its swarm has not been sent. The commit must not call
// such a window closed, so that its counts are taken in again after a restart.
// Otherwise the swarm would be lost.
func TestMergerResumesWhatWasNotSent(t *testing.T) {
	cfg := publisher.Config{Horizon: 10 * time.Second}
	m := newMerger(t, cfg)
	log := []stream.Record{count(50_000, "main", "🔥", 1), count(2000, "main", "🔥", 1)}
	read(t, m, 60_000, log[0])
	read(t, m, 60_299, log[1])
	sent(t, m, 60_300, "50000 main 1: 🔥1")
	m, err := publisher.NewMerger(cfg, m.Commit(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if m.Position() != 0 {
		t.Fatalf("goes on at %d, want the first record of what is open", m.Position())
	}
	read(t, m, 61_000, log...)
	sent(t, m, 61_300, "2000 main 1: 🔥1", "50000 main 1: 🔥1")
}

// Windows that were closed before a restart are closed after it, whether a reducer
// closed them or they were too old.
func TestMergerResumesWhatWasClosed(t *testing.T) {
	commit := stream.Commit{Offset: 7, Metadata: `{"v":1,"unsigned":20000,"reducers":2,"closed":[16000,2000]}`} // of main and of b
	m, err := publisher.NewMerger(publisher.Config{Horizon: 5 * time.Second}, commit, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, end := range []int64{14_000, 16_000, 18_000} {
		read(t, m, 20_000, count(end, "main", "🔥", 1), count(end, "b", "🔥", 1))
	}
	sent(t, m, 20_300, "16000 b 1: 🔥1", "18000 b 1: 🔥1", "18000 main 1: 🔥1")
}

// A channel gets its empty swarm even if the publisher dies after sending the last
// window before it.
func TestMergerResumesASilence(t *testing.T) {
	m := newMerger(t, publisher.Config{})
	log := []stream.Record{count(2000, "a", "🔥", 1, "complete=1"), count(4000, "main", "🔥", 1, "complete=1", "closed=0/1:2000")}
	read(t, m, 4100, log...)
	sent(t, m, 4100, "2000 a 1: 🔥1", "4000 main 1: 🔥1")
	m, err := publisher.NewMerger(publisher.Config{}, m.Commit(), 0)
	if err != nil {
		t.Fatal(err)
	}
	read(t, m, 6000, log[m.Position():]...)
	sent(t, m, 6000, "2000 a 1: 🔥1", "4000 a 0:", "4000 main 1: 🔥1")
	committed(t, m, 1, never, 2000)
}

func TestNewMerger(t *testing.T) {
	const good = `{"v":1,"unsigned":7,"reducers":2,"closed":[5,6]}`
	for name, tt := range map[string]struct {
		commit   stream.Commit
		start    int64
		position int64
		want     string // in the error; empty: none
	}{
		"nothing committed":               {stream.Commit{Offset: stream.None}, 0, 0, ""},
		"nothing committed, records gone": {stream.Commit{Offset: stream.None}, 5, 5, ""},
		"a commit":                        {stream.Commit{Offset: 7, Metadata: good}, 5, 7, ""},
		"a commit below the log's start":  {stream.Commit{Offset: 3, Metadata: good}, 5, 5, ""},
		"no metadata":                     {stream.Commit{Offset: 7}, 5, 5, ""},
		"other metadata":                  {stream.Commit{Offset: 7, Metadata: "spark"}, 5, 5, ""},
		"a newer version":                 {stream.Commit{Offset: 7, Metadata: strings.Replace(good, `"v":1`, `"v":2`, 1)}, 5, 0, "the commit at 7 cannot be read: it was made by a newer version of emostream: its format is 2"},
		"a reducer too few":               {stream.Commit{Offset: 7, Metadata: strings.Replace(good, `5,6`, `5`, 1)}, 5, 5, ""},
	} {
		m, err := publisher.NewMerger(publisher.Config{}, tt.commit, tt.start)
		switch {
		case tt.want != "":
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: NewMerger = %v, want %q", name, err, tt.want)
			}
		case err != nil || m.Position() != tt.position:
			t.Errorf("%s: NewMerger begins at %v, %v; want %d", name, m, err, tt.position)
		}
	}
}

// A clock that was far ahead is set back. Windows that it made closed are taken in again,
// and the channel gets its empty swarms.
func TestMergerFollowsAClockThatIsSetBack(t *testing.T) {
	const far = 1_000_000
	m := newMerger(t, publisher.Config{})
	read(t, m, far+100, count(far, "main", "🔥", 1, "complete=1", fmt.Sprintf("closed=0/1:%d", far-10_000)), count(far, "a", "🔥", 1))
	sent(t, m, far+1000, "1000000 a 1: 🔥1", "1000000 main 1: 🔥1")
	read(t, m, 4100, count(4000, "main", "😂", 1, "complete=1"), count(4000, "a", "😂", 1, "complete=1", "closed=0/1:2000"))
	sent(t, m, 4100, "4000 a 1: 😂1", "4000 main 1: 😂1")
	sent(t, m, 7100, "6000 a 0:", "6000 main 0:")
	read(t, m, 8100, count(8000, "main", "😂", 1, "complete=1", "closed=0/1:6000"))
	sent(t, m, 8100, "8000 main 1: 😂1")
}

// A reset of watermarks has opened windows again that a reducer had closed: they are shown,
// also after a restart, and what was closed before does not hold any more.
func TestMergerFollowsAReset(t *testing.T) {
	m := newMerger(t, publisher.Config{})
	read(t, m, 20_000, count(20_000, "main", "🔥", 1, "complete=1", "closed=0/1:18000"))
	sent(t, m, 20_000, "20000 main 1: 🔥1")
	read(t, m, 20_100, count(16_000, "main", "🔥", 1, "complete=1", "closed=0/1:18000"))
	sent(t, m, 20_100)
	read(t, m, 20_200, count(16_000, "main", "🔥", 1, "closed=0/1:10000/10000"), count(16_000, "main", "😂", 1, "complete=2", "closed=0/1:10000/10000"))
	sent(t, m, 20_200, "16000 main 2: 🔥1 😂1")
	again, err := publisher.NewMerger(publisher.Config{}, m.Commit(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []*publisher.Merger{m, again} { // a copy that has not read the reset goes on
		read(t, m, 20_300, count(14_000, "main", "🔥", 1, "complete=1", "closed=0/1:18000"), count(12_000, "main", "🔥", 1, "complete=1", "closed=0/1:12000/10000"))
		if e, _ := m.Due(20_300); len(e.Swarms) == 0 || e.Swarms[0].Window.End != 12_000 && e.Swarms[0].Window.End != 14_000 {
			t.Errorf("sent %+v", e.Swarms)
		}
	}
}
