// Package e2e holds the tests of the whole: the program's own processes on a
// broker, from the tap to the screen.
//
// They run on the embedded broker, or on the cluster that
// EMOSTREAM_TEST_BROKERS names (host:port, separated by commas), as `make
// test-kafka` does with Apache Kafka. Each test has topics and groups of its own
// there.
package e2e
