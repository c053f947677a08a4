package emoji

// BuildLookupTable builds the table that the first look-up builds, so that benchmarks
// can measure it alone.
func BuildLookupTable() { newLookupTable(emojiTSV) }

// SortShortcodes sorts all shortcodes, as the first suggestion does, so that benchmarks
// can measure it alone.
func SortShortcodes() { sortShortcodes() }
