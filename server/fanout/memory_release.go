package fanout

import "runtime/debug"

// memoryRelease gives memory back to the system after a crowd has come or gone. Net/http
// needs many times more for a request than a stream keeps, so that after a crowd most
// of the process's memory is free. By itself the runtime takes minutes to give it
// back.
type memoryRelease struct {
	lastMoves     int64 // at the last call
	releasedMoves int64 // when memory was last given back
}

const (
	crowdMoves = 2000 // streams opened and closed, after which memory is given back
	quietMoves = 100  // streams opened and closed in a second, below which the crowd is over
)

// afterCrowd gives memory back if a crowd has come or gone. It must be called every
// second. moves is how many streams were opened and closed since the start.
func (m *memoryRelease) afterCrowd(moves int64) {
	recent := moves - m.lastMoves
	m.lastMoves = moves
	if recent < quietMoves && moves-m.releasedMoves >= crowdMoves {
		m.releasedMoves = moves
		debug.FreeOSMemory()
	}
}
