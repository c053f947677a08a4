package httpserve

// Opening is something that strangers may do at a server without a limit. A server that
// others than this machine can reach lists its openings in its answer to /readyz, for
// peers on loopback alone, where doctor finds them.
type Opening string

// The openings.
const (
	AnyChannel     Opening = "any_channel"      // use any name of a channel
	NoAddressLimit Opening = "no_address_limit" // send any number of reactions from one address
)
