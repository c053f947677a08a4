package emoji

// Favourites returns nine emojis that crowds use much. Keys offer them, and load tests
// send them first. Each has a single spelling, and every terminal draws it in two
// columns.
func Favourites() []string {
	return []string{"🔥", "😂", "👍", "🎉", "💯", "😮", "😢", "🚀", "💖"}
}
