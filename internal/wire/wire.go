// Package wire is what travels between the stages and to clients: the types,
// their encodings, the names of topics and the limits of fields. It holds no
// state and does no I/O.
//
// Text is UTF-8 JSON. Readers ignore fields that they do not know. Times are
// RFC 3339 in UTC with milliseconds where we write them, and milliseconds since
// the Unix epoch in Go. A window is named by its end.
package wire
