package emoji

// BuildLookupTable does what the first look-up does beside looking up.
func BuildLookupTable() { newLookupTable(emojiTSV) }

// SortShortcodes does what the first suggestion of a shortcode does beside suggesting.
func SortShortcodes() { sortShortcodes() }
