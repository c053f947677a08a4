// Package e2e tests the whole: processes of the program on a broker, from the reaction
// that is sent to the swarm that is shown.
//
// The tests run on the embedded broker, or on the Kafka cluster whose addresses are in
// EMOSTREAM_TEST_BROKERS (host:port, separated by commas). `make test-kafka` runs them
// on Apache Kafka so. There each test has topics and consumer groups of its own.
package e2e
