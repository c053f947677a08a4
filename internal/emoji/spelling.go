package emoji

// Canonical returns how s is spelled in the system: the emoji that Parse returns of it. If
// s is no emoji, it returns s.
//
// Only what Parse has seen has one spelling. Another program may write ❤ to a topic, and
// this one ❤️. The topics and the counts in them keep the bytes as they came; whoever
// shows counts to people adds up those of one emoji.
func Canonical[T string | []byte](s T) string {
	if e, ok := lookUp(string(s)); ok {
		return string(e)
	}
	return string(s)
}
