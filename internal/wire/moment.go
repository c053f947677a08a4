package wire

// ParseMoment reads a time in each of the forms that times of windows may have, and
// returns it in ms since the Unix epoch.
func ParseMoment(text []byte) (ms int64, ok bool) {
	var m moment
	err := m.UnmarshalJSON(text)
	return int64(m), err == nil
}
