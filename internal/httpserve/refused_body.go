package httpserve

import (
	"net/http"
	"time"
)

// UnreadBodyTimeout is how long the rest of a refused body may take to arrive. If the
// server closed the connection while that rest arrives, the client would lose the
// answer.
const UnreadBodyTimeout = 500 * time.Millisecond

// LimitRefusedBody gives the body of a request that is refused unread UnreadBodyTimeout to
// arrive, after the refusal was held back. net/http reads it before it sends the refusal, and
// a client may never end it.
func LimitRefusedBody(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(MaxRefusalDelay + UnreadBodyTimeout))
}
