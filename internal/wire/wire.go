// Package wire defines what stages and clients send each other: the types, their
// encodings, the names of topics and the limits of fields. It holds no state and does
// no I/O.
//
// Text is UTF-8 JSON. Readers ignore fields that they do not know. Times in JSON are
// written as RFC 3339 in UTC with milliseconds; in Go they are milliseconds since the
// Unix epoch. A window is identified by its end.
package wire
