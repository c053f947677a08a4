// Package text prepares text for people: it makes foreign text safe to print, breaks
// lines, and writes numbers. Its functions are pure.
package text
