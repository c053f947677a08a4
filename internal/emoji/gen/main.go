// Command gen writes emoji.tsv, the list of package emoji. Its two inputs are
// public and are not kept in this repository:
//
//   - emoji-test.txt of Unicode, version 17.0, published by Unicode in the
//     folder of that version beside the Unicode Character Database. It lists
//     every RGI emoji in Unicode's order with its name, and every less
//     qualified form of it.
//   - db/emoji.json of gemoji, GitHub's own list of shortcodes, from
//     the repository github/gemoji. (The npm package emojibase-data republishes
//     the same shortcodes, but sorted, so that the preferred one is lost.)
//
// Put them into this folder as emoji-test.txt and gemoji.json, then run
//
//	go generate ./internal/emoji
//
// A new version of Unicode needs its emoji-test.txt, the new UnicodeVersion in
// package emoji, and new counts in that package's tests.
//
// The generator refuses inputs that contradict themselves or each other. It
// compares what it read with the counts at the end of emoji-test.txt, and it
// verifies that each less qualified form is an emoji without some of its
// selectors.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	test := flag.String("test", "emoji-test.txt", "path of Unicode's emoji-test.txt")
	shortcodes := flag.String("shortcodes", "gemoji.json", "path of gemoji's db/emoji.json")
	out := flag.String("out", "emoji.tsv", "path of the file to write")
	flag.Parse()
	if err := generate(*test, *shortcodes, *out); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func generate(test, shortcodes, out string) error {
	list, err := readFile(test, readList)
	if err != nil {
		return err
	}
	codes, err := readFile(shortcodes, readShortcodes)
	if err != nil {
		return err
	}
	if err := list.assign(codes); err != nil {
		return err
	}
	return os.WriteFile(out, list.tsv(), 0o644)
}

func readFile[T any](path string, read func(io.Reader) (T, error)) (T, error) {
	var none T
	f, err := os.Open(path)
	if err != nil {
		return none, err
	}
	defer f.Close()
	v, err := read(f)
	if err != nil {
		return none, fmt.Errorf("%s: %w", path, err)
	}
	return v, nil
}
