// Package shown is what the clients here have in common: they print each event as a line
// of JSON.
package shown

import (
	"encoding/json"
	"os"
)

// Event prints one event.
func Event(id, event, data string) {
	_ = json.NewEncoder(os.Stdout).Encode(map[string]string{"id": id, "event": event, "data": data})
}
