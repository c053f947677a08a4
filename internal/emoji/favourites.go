package emoji

// Favourites returns nine emojis that crowds use much. They are the ones offered on
// keys, and the first that load tests send. Each has a single spelling, and every
// terminal draws it in two columns.
func Favourites() []string {
	return []string{"🔥", "😂", "👍", "🎉", "💯", "😮", "😢", "🚀", "💖"}
}
